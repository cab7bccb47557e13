#include "mp/dummy/event.h"

#include <cstdint>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/dummy/internal/thread_event.h"

namespace mp::dummy {

Event::Event() : core_(std::make_shared<internal::ThreadEvent>()) {}

bool Event::is_set() const noexcept { return core_->is_set(); }
void Event::set() const noexcept { core_->set(); }
void Event::clear() const noexcept { core_->clear(); }
bool Event::wait(Timeout timeout) const { return core_->wait(internal::Deadline::after(timeout)); }

std::string repr(const Event& event) {
  return absl::StrCat("<threading.Event at 0x",
                      absl::Hex(reinterpret_cast<uintptr_t>(event.core_.get())),
                      event.is_set() ? ": set>" : ": unset>");
}

std::ostream& operator<<(std::ostream& out, const Event& event) { return out << repr(event); }

}  // namespace mp::dummy
