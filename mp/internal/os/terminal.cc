#include "mp/internal/os/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace mp::internal {
namespace {
constexpr int kUsualWidth = 80;
}

std::optional<int> terminal_width(int fd) noexcept {
  if (isatty(fd) == 0) {
    return std::nullopt;
  }
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
}

void write_to_terminal(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno != EINTR) {
      return;
    }
    text.remove_prefix(n > 0 ? static_cast<size_t>(n) : 0);
  }
}

}  // namespace mp::internal
