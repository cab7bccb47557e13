#include "mp/internal/net/acceptor.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp::internal {
namespace {

constexpr int64_t kFirstPauseNs = 100'000'000;
constexpr int64_t kLongestPauseNs = 1'000'000'000;
constexpr char kNoDescriptors[] = "there are no descriptors left: who connects has to wait";
// New peers before those that are there get on.
constexpr int kBurst = 32;
// Somebody has shut the listening socket down. A local one says nothing else: accept4() on it would be EAGAIN for ever.
constexpr short kNoMore = POLLHUP | POLLRDHUP;

bool is_done(const Acceptor::Accepted& peer) {
  return peer.handshake == nullptr || peer.handshake->state() == Handshake::State::kDone;
}

// As far as `handshake` goes without waiting. 0, -EAGAIN to wait, or why it ends; 1: the end of the stream.
int advance_handshake(int fd, Handshake& handshake) {
  for (;;) {
    if (std::span<const std::byte> out = handshake.output(); !out.empty()) {
      iovec part{const_cast<std::byte*>(out.data()), out.size()};
      ssize_t n = stream_send(fd, {&part, 1});
      if (n < 0) {
        return static_cast<int>(n);
      }
      handshake.sent(static_cast<size_t>(n));
    } else if (std::span<std::byte> room = handshake.room(); !room.empty()) {
      ssize_t n = stream_receive(fd, room);
      if (n <= 0) {
        return n == 0 ? 1 : static_cast<int>(n);
      }
      handshake.received(static_cast<size_t>(n));
    } else {
      return 0;
    }
  }
}

}  // namespace

absl::StatusOr<Acceptor::Accepted> Acceptor::accept(Deadline deadline) {
  if (int process = getpid(); of_process_ != process) {
    pending_.clear();
    of_process_ = process;
  }
  news_ = closed_until_.passed() ? "" : kNoDescriptors;
  // What came between two calls is read before anybody is found to be late.
  Deadline until = Deadline::past();
  std::vector<pollfd> polled;
  for (bool first = true;; first = false) {
    polled.clear();
    for (const Pending& p : pending_) {
      bool writes = !p.peer.handshake->output().empty();
      polled.push_back({p.peer.fd.get(), static_cast<short>(writes ? POLLOUT : POLLIN), 0});
    }
    if (closed_until_.passed()) {
      polled.push_back({listening_.get(), POLLIN | POLLRDHUP, 0});
    }
    wait_for_any(polled, until);
    step(polled);
    int err = 0;
    if (!polled.empty() && polled.back().fd == listening_.get() && polled.back().revents != 0) {
      err = let_in();
      if (err == 0 && (polled.back().revents & kNoMore) != 0) {
        err = EINVAL;
      }
    }
    if (Accepted done; take_done(&done)) {
      return done;
    }
    if (err != 0) {
      return os_error(err, "mp: Listener.accept");
    }
    expire();
    if (!first && deadline.passed()) {
      std::string text = "mp: Listener.accept: nobody has connected in time";
      if (!news_.empty()) {
        absl::StrAppend(&text, "; ", news_);
      }
      return TimeoutError(text).status();
    }
    until = next_event(deadline);
  }
}

void Acceptor::step(const std::vector<pollfd>& polled) {
  // `polled` begins with the pending, in their order.
  size_t i = 0;
  std::erase_if(pending_, [&](Pending& p) { return polled[i++].revents != 0 && !advance(p); });
}

int Acceptor::let_in() {
  for (int i = 0; i < kBurst; ++i) {
    Pending p{{}, Deadline::after_ns(terms_.handshake_ns)};
    int result = accept_stream(listening_.get(), &p.peer.fd, &p.peer.peer);
    if (result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS) {
      hold_up();
      return 0;
    }
    if (result == -EAGAIN) {
      return 0;
    }
    if (result == -EINVAL || result == -EBADF || result == -ENOTSOCK) {
      return -result;
    }
    if (result < 0) {
      // It has gone already.
      continue;
    }
    closed_for_ = 0;
    uint32_t user = 0;
    if (terms_.same_user &&
        (!peer_user(p.peer.fd.get(), &user) || (user != geteuid() && user != 0))) {
      refuse("it is another user");
      continue;
    }
    if (terms_.handshake == nullptr) {
      pending_.push_back(std::move(p));
      return 0;
    }
    p.peer.handshake = terms_.handshake();
    // Who has said something already is not the one to go.
    if (!advance(p)) {
      continue;
    }
    if (pending_.size() >= kMostPending) {
      make_place();
    }
    pending_.push_back(std::move(p));
  }
  return 0;
}

void Acceptor::hold_up() {
  closed_for_ = std::clamp(2 * closed_for_, kFirstPauseNs, kLongestPauseNs);
  closed_until_ = Deadline::after_ns(closed_for_);
  news_ = kNoDescriptors;
  if (terms_.told != nullptr) {
    terms_.told(news_);
  }
}

void Acceptor::make_place() {
  auto oldest = [&](auto has_to_go) {
    return std::find_if(pending_.begin(), pending_.end(), has_to_go);
  };
  auto p = oldest([](const Pending& q) { return !q.peer.handshake->greeted(); });
  if (p == pending_.end()) {
    p = oldest([](const Pending& q) { return !is_done(q.peer); });
  }
  if (p != pending_.end()) {
    send_away(*p, "too many are on their way, and it was the slowest");
    pending_.erase(p);
  }
}

bool Acceptor::advance(Pending& p) {
  Handshake& handshake = *p.peer.handshake;
  int result = advance_handshake(p.peer.fd.get(), handshake);
  if (handshake.state() == Handshake::State::kFailed) {
    send_away(p, handshake.reason());
    return false;
  }
  if (result == 0 || result == -EAGAIN) {
    return true;
  }
  send_away(p, "it left in the middle of the handshake; has it the same authkey?");
  return false;
}

bool Acceptor::take_done(Accepted* out) {
  auto done = std::find_if(pending_.begin(), pending_.end(),
                           [](const Pending& p) { return is_done(p.peer); });
  if (done == pending_.end()) {
    return false;
  }
  *out = std::move(done->peer);
  pending_.erase(done);
  return true;
}

void Acceptor::expire() {
  int64_t now = monotonic_ns();
  std::erase_if(pending_, [&](const Pending& p) {
    if (now < p.deadline.ns()) {
      return false;
    }
    send_away(p, "it did not finish the handshake in time");
    return true;
  });
}

Deadline Acceptor::next_event(Deadline deadline) const {
  for (const Pending& p : pending_) {
    deadline = earlier(deadline, p.deadline);
  }
  return closed_until_.passed() ? deadline : earlier(deadline, closed_until_);
}

void Acceptor::send_away(const Pending& p, const char* why) {
  stream_shutdown(p.peer.fd.get());
  refuse(why);
}

void Acceptor::refuse(const char* why) {
  news_ = absl::StrCat("the last peer was sent away: ", why);
  if (terms_.told != nullptr) {
    terms_.told(absl::StrCat("a peer was sent away: ", why));
  }
}

absl::Status shake_hands(int fd, Handshake& handshake, Deadline deadline) {
  for (;;) {
    int result = advance_handshake(fd, handshake);
    if (handshake.state() == Handshake::State::kFailed) {
      return AuthenticationError(handshake.reason()).status();
    }
    if (result == 0) {
      return absl::OkStatus();
    }
    if (result == 1 || result == -EPIPE || result == -ECONNRESET) {
      return EOFError("mp: Client: the listener ended the handshake; has it the same authkey?")
          .status();
    }
    if (result != -EAGAIN) {
      return os_error(-result, "mp: Client: handshake");
    }
    Readiness what = handshake.output().empty() ? Readiness::kReadable : Readiness::kWritable;
    if (!wait_for(fd, what, deadline)) {
      return TimeoutError("mp: Client: the listener has not answered in time").status();
    }
  }
}

}  // namespace mp::internal
