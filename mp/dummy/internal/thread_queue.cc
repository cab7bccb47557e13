#include "mp/dummy/internal/thread_queue.h"

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp::internal {
namespace {

// A poll in a loop pays for no text: raise() knows Empty by the code alone.
absl::Status unavailable() { return absl::Status(absl::StatusCode::kUnavailable, ""); }

class Counted {
 public:
  explicit Counted(uint64_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  uint64_t& count_;
};

}  // namespace

absl::Status ThreadQueue::wait_for_room(Hold& hold, Deadline deadline) {
  Counted me(putters_);
  bool done = await(emptied_, hold, deadline, [this] { return no_puts_ || fits(size_); });
  if (no_puts_) {
    return shut_down_error();
  }
  return done ? absl::OkStatus() : full_error();
}

absl::Status ThreadQueue::wait_for_item(Hold& hold, Deadline deadline) {
  Counted me(getters_);
  bool done = await(filled_, hold, deadline, [this] { return no_puts_ || size_ != 0; });
  if (no_gets_ || (no_puts_ && size_ == 0)) {
    return shut_down_error();
  }
  return done ? absl::OkStatus() : unavailable();
}

uint64_t ThreadQueue::size() const {
  Hold hold(mutex_);
  return size_;
}

void ThreadQueue::shutdown(bool immediate) {
  {
    Hold hold(mutex_);
    no_puts_ = true;
    no_gets_ = no_gets_ || immediate;
  }
  filled_.notify_all();
  emptied_.notify_all();
  finished_.notify_all();
}

void ThreadQueue::raise_get(const absl::Status& status) const {
  raise(absl::IsUnavailable(status) ? empty_error() : status);
}

std::string ThreadQueue::repr(const char* class_name) const {
  return absl::StrCat("<queue.", class_name, " object at 0x",
                      absl::Hex(reinterpret_cast<uintptr_t>(this)), ">");
}

absl::Status ThreadQueue::closed_error() const {
  return value_error(absl::StrCat("Queue ", repr(), " is closed"));
}

absl::Status ThreadQueue::full_error() const {
  return make_status(
      "Full", absl::StatusCode::kUnavailable,
      absl::StrCat(repr(), " is full: it holds ", size_, " of ", maxsize_, " messages"));
}

absl::Status ThreadQueue::empty_error() const {
  return make_status("Empty", absl::StatusCode::kUnavailable, absl::StrCat(repr(), " is empty"));
}

absl::Status ThreadQueue::shut_down_error() const {
  return make_status("ShutDown", absl::StatusCode::kCancelled,
                     absl::StrCat(repr(), " was shut down"));
}

}  // namespace mp::internal
