#include "mp/dummy/internal/thread_pipe.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "absl/strings/str_cat.h"
#include "mp/dummy/internal/wait.h"
#include "mp/errors.h"

namespace mp::internal {
namespace {

// Bytes that may wait unread before send() waits.
constexpr uint64_t kWindow = uint64_t{512} << 10;

// One way of a pipe: its messages, first come first.
class Lane {
 public:
  // False when an end is gone.
  bool send(ThreadMessage message);
  // None when the sender's end is gone and all was received.
  std::optional<ThreadMessage> recv();
  bool poll(Deadline deadline);

  // Nobody sends any more; who receives gets what is there.
  void sender_is_gone() { break_off(false); }
  // Nobody receives what is there, or what comes.
  void receiver_is_gone() { break_off(true); }

 private:
  void break_off(bool drop);

  std::mutex mutex_;
  // Guarded by it.
  std::deque<ThreadMessage> messages_;
  uint64_t weight_ = 0;
  int receivers_ = 0;  // who waits to take a message
  int pollers_ = 0;    // who waits to see one
  int senders_ = 0;    // who waits for room
  bool broken_ = false;

  std::condition_variable filled_;
  std::condition_variable emptied_;
};

bool Lane::send(ThreadMessage message) {
  std::unique_lock hold(mutex_);
  if (weight_ >= kWindow) [[unlikely]] {
    ++senders_;
    await(emptied_, hold, Deadline::never(), [this] { return broken_ || weight_ < kWindow; });
    --senders_;
  }
  if (broken_) [[unlikely]] {
    return false;
  }
  weight_ += message.weight();
  messages_.push_back(std::move(message));
  bool wake = receivers_ != 0;
  bool wake_all = pollers_ != 0;
  hold.unlock();
  if (wake_all) {
    // One wake could go to a poller, who leaves the message to a receiver who then sleeps on.
    filled_.notify_all();
  } else if (wake) {
    filled_.notify_one();
  }
  return true;
}

std::optional<ThreadMessage> Lane::recv() {
  std::unique_lock hold(mutex_);
  if (messages_.empty()) {
    ++receivers_;
    await(filled_, hold, Deadline::never(), [this] { return broken_ || !messages_.empty(); });
    --receivers_;
  }
  std::optional<ThreadMessage> message;
  if (messages_.empty()) [[unlikely]] {
    return message;
  }
  message.emplace(std::move(messages_.front()));
  messages_.pop_front();
  weight_ -= message->weight();
  bool wake = senders_ != 0 && weight_ < kWindow;
  hold.unlock();
  if (wake) [[unlikely]] {
    emptied_.notify_all();
  }
  return message;
}

bool Lane::poll(Deadline deadline) {
  std::unique_lock hold(mutex_);
  ++pollers_;
  bool ready = await(filled_, hold, deadline, [this] { return broken_ || !messages_.empty(); });
  --pollers_;
  return ready;
}

void Lane::break_off(bool drop) {
  std::deque<ThreadMessage> dropped;  // destroyed without the mutex: it is the user's code
  {
    std::lock_guard hold(mutex_);
    broken_ = true;
    if (drop) {
      dropped.swap(messages_);
      weight_ = 0;
    }
  }
  filled_.notify_all();
  emptied_.notify_all();
}

}  // namespace

struct ThreadEnd {
  std::shared_ptr<Lane> in;
  std::shared_ptr<Lane> out;
  std::atomic<int> open{0};  // handles that are not closed
};

std::pair<ThreadPipe, ThreadPipe> ThreadPipe::make(bool duplex) {
  auto first = std::make_shared<ThreadEnd>();
  auto second = std::make_shared<ThreadEnd>();
  first->in = second->out = std::make_shared<Lane>();
  if (duplex) {
    second->in = first->out = std::make_shared<Lane>();
  }
  return {ThreadPipe(std::move(first)), ThreadPipe(std::move(second))};
}

ThreadPipe::ThreadPipe(std::shared_ptr<ThreadEnd> end) noexcept : end_(std::move(end)) {
  end_->open.store(1, std::memory_order_relaxed);
}

ThreadPipe::ThreadPipe(const ThreadPipe& other) noexcept
    : end_(other.end_), closed_(other.closed_), unreadable_(other.unreadable_) {
  if (!closed()) {
    // Relaxed: `other` is open, so the count is not 0.
    end_->open.fetch_add(1, std::memory_order_relaxed);
  }
}

ThreadPipe& ThreadPipe::operator=(const ThreadPipe& other) noexcept {
  if (this != &other) {
    close();
    end_ = other.end_;
    closed_ = other.closed_;
    unreadable_ = other.unreadable_;
    if (!closed()) {
      end_->open.fetch_add(1, std::memory_order_relaxed);
    }
  }
  return *this;
}

void ThreadPipe::close() const noexcept {
  // sync: end-closed: what was done with any handle comes before the end is gone.
  if (!closed_.set() && end_->open.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    if (end_->in != nullptr) {
      end_->in->receiver_is_gone();
    }
    if (end_->out != nullptr) {
      end_->out->sender_is_gone();
    }
  }
}

std::string ThreadPipe::repr() const {
  return absl::StrCat("<multiprocessing.dummy.connection.Connection object at 0x",
                      absl::Hex(reinterpret_cast<uintptr_t>(end_.get())), ">");
}

void ThreadPipe::refuse_length() const {
  if (writable()) {
    unreadable_.set();
  } else {
    close();
  }
  raise(OSError("bad message length").status());
}

bool ThreadPipe::readable() const noexcept { return end_->in != nullptr && !unreadable_.is_set(); }
bool ThreadPipe::writable() const noexcept { return end_->out != nullptr; }

void ThreadPipe::check_open() const {
  if (closed()) [[unlikely]] {
    raise(OSError("handle is closed").status());
  }
}

void ThreadPipe::check_readable() const {
  check_open();
  if (!readable()) [[unlikely]] {
    raise(OSError("connection is write-only").status());
  }
}

void ThreadPipe::check_writable() const {
  check_open();
  if (!writable()) [[unlikely]] {
    raise(OSError("connection is read-only").status());
  }
}

void ThreadPipe::send(ThreadMessage message) const {
  check_writable();
  if (!end_->out->send(std::move(message))) [[unlikely]] {
    raise(BrokenPipeError("[Errno 32] Broken pipe: the other end of the connection is closed")
              .status());
  }
}

ThreadMessage ThreadPipe::recv() const {
  check_readable();
  std::optional<ThreadMessage> message = end_->in->recv();
  if (!message.has_value()) [[unlikely]] {
    raise(EOFError("the other end of the connection is closed").status());
  }
  return *std::move(message);
}

bool ThreadPipe::poll(Deadline deadline) const {
  check_readable();
  return end_->in->poll(deadline);
}

}  // namespace mp::internal
