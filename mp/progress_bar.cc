#include "mp/progress_bar.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/terminal.h"

namespace mp {
namespace {

constexpr int64_t kPauseNs = 50'000'000;
constexpr size_t kLeastBar = 10;

// "02:05", "1:02:05".
std::string time_text(int64_t seconds) {
  char text[32];
  if (seconds >= 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", static_cast<long long>(seconds / 3600),
                  static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
  } else {
    std::snprintf(text, sizeof text, "%02lld:%02lld", static_cast<long long>(seconds / 60),
                  static_cast<long long>(seconds % 60));
  }
  return text;
}

}  // namespace

struct ProgressBar::Line {
  Line(std::string text, int where) : description(std::move(text)), fd(where) {
    if (!description.empty()) {
      description += ": ";
    }
  }
  ~Line() {
    if (shown && !ended) {
      internal::write_to_terminal(fd, "\n");
    }
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // With `mutex`.
  void show(uint64_t done, uint64_t total, int64_t now) {
    std::optional<int> width = internal::terminal_width(fd);
    if (!width.has_value()) {
      return;
    }
    const double took = static_cast<double>(now - start) / 1e9;
    if (total == 0 && done != 0) {
      write(absl::StrCat(description, done, " ", time_text(static_cast<int64_t>(took))), *width,
            false);
      return;
    }
    done = std::min(done, total);
    const double share = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
    char percent[8];
    std::snprintf(percent, sizeof percent, "%3d%% ", static_cast<int>(share * 100));
    std::string before = absl::StrCat(description, percent);
    std::string after =
        absl::StrCat(" ", done, "/", total, " ", time_text(static_cast<int64_t>(took)), "<",
                     done == 0 ? "?" : time_text(static_cast<int64_t>(took / share - took)));
    // One less than there is: a terminal goes to the next line when this one is full.
    const size_t room = static_cast<size_t>(*width - 1);
    std::string line = before;
    if (before.size() + after.size() + 2 + kLeastBar <= room) {
      const size_t bar = std::min<size_t>(40, room - before.size() - after.size() - 2);
      const size_t full = static_cast<size_t>(share * static_cast<double>(bar));
      absl::StrAppend(&line, "[", std::string(full, '#'), std::string(bar - full, ' '), "]");
    }
    write(line + after, *width, done == total);
  }
  void write(std::string line, int width, bool last) {
    const size_t room = static_cast<size_t>(width - 1);
    line.resize(std::min(line.size(), room));
    // What a longer line before has left there is overwritten.
    const size_t written = line.size();
    line.resize(std::max(line.size(), std::min(last_size, room)), ' ');
    last_size = written;
    ended = last;
    internal::write_to_terminal(fd, absl::StrCat("\r", line, ended ? "\n" : ""));
    shown = true;
  }

  std::string description;
  const int fd;
  std::mutex mutex;
  const int64_t start = internal::monotonic_ns();
  int64_t next = 0;
  size_t last_size = 0;
  bool shown = false;
  bool ended = false;
};

ProgressBar::ProgressBar(std::string description, int fd)
    : line_(std::make_shared<Line>(std::move(description), fd)) {}

void ProgressBar::operator()(uint64_t done, uint64_t total) const {
  std::lock_guard hold(line_->mutex);
  const int64_t now = internal::monotonic_ns();
  if (line_->ended || (now < line_->next && (done < total || total == 0))) {
    return;
  }
  line_->next = now + kPauseNs;
  line_->show(done, total, now);
}

}  // namespace mp
