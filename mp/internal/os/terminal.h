// mp/internal/os/terminal.h
//
// What is written for somebody to look at.

#ifndef MP_INTERNAL_OS_TERMINAL_H_
#define MP_INTERNAL_OS_TERMINAL_H_

#include <optional>
#include <string_view>

namespace mp::internal {

// Characters in a line of the terminal that `fd` is; none if it is none.
std::optional<int> terminal_width(int fd) noexcept;

// Writes all of it if the terminal takes it; what does not go out is not missed.
void write_to_terminal(int fd, std::string_view text) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_TERMINAL_H_
