#include "mp/internal/frame/decode_as.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/function.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/frame/message.h"
#include "mp/object.h"

namespace mp::testing {
namespace {

class NoFds final : public internal::FdSource {
 public:
  int take_fd(uint32_t) override { raise(internal::value_error("none")); }
};

template <class T>
void decode_as(std::span<const std::byte> message) {
  NoFds fds;
  try {
    internal::decode_message<T>(message, &fds);
  } catch (const std::exception&) {
  }
}

}  // namespace

void decode_as_everything(std::span<const std::byte> message) {
  struct Three {
    int a;
    std::string b;
    std::vector<double> c;
  };
  decode_as<Object>(message);
  decode_as<int64_t>(message);
  decode_as<std::string>(message);
  decode_as<std::vector<int>>(message);
  decode_as<std::vector<bool>>(message);
  decode_as<std::vector<std::string>>(message);
  decode_as<std::map<std::string, double>>(message);
  decode_as<std::set<std::string>>(message);
  decode_as<std::variant<int, std::string>>(message);
  decode_as<std::optional<std::chrono::nanoseconds>>(message);
  decode_as<std::chrono::system_clock::time_point>(message);
  decode_as<Three>(message);
  decode_as<Function<void()>>(message);
  decode_as<void (*)()>(message);
  decode_as<std::exception_ptr>(message);
  decode_as<Fd>(message);
  try {
    internal::run_call(Reader::open(message));
  } catch (const std::exception&) {
  }
}

}  // namespace mp::testing
