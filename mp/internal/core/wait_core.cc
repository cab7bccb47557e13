#include "mp/internal/core/wait_core.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/bells.h"
#include "mp/internal/core/socket_end.h"
#include "mp/internal/os/doorbell.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/os/poll_set.h"
#include "mp/internal/park/lock.h"

namespace mp::internal {
namespace {

// A thread without the signal learns of SIGINT this late.
constexpr int64_t kInterruptSliceNs = 50'000'000;
// How long it sleeps where no bell can reach it, for want of a descriptor or of a place.
constexpr int64_t kDeafNs = 2'000'000;

struct Doorbell {
  UniqueFd fd;
  DoorbellAddress address;
  uint32_t owner = 0;  // a child of fork must not listen with its parent
};

std::atomic<Doorbell*> g_spare{nullptr};

// Null when there is no descriptor left.
std::unique_ptr<Doorbell> take_doorbell() {
  std::unique_ptr<Doorbell> bell(g_spare.exchange(nullptr, std::memory_order_acq_rel));
  if (bell == nullptr || bell->owner != Family::self().bits) {
    bell = std::make_unique<Doorbell>();
    bell->owner = Family::self().bits;
    if (make_doorbell(&bell->fd, &bell->address) != 0) {
      return nullptr;
    }
  }
  return bell;
}

void keep_doorbell(std::unique_ptr<Doorbell> bell) noexcept {
  delete g_spare.exchange(bell.release(), std::memory_order_acq_rel);
}

// Those among `items` that are pipes, while somebody sleeps for them.
class Pipes {
 public:
  Pipes(Family& family, std::span<WaitItem> items) : family_(family), bell_(take_doorbell()) {
    for (WaitItem& item : items) {
      if (item.ring != 0) {
        places_.push_back({&item, Listener(family, item.ring), {}, false});
      }
    }
  }
  ~Pipes() {
    places_.clear();
    if (bell_ != nullptr) {
      keep_doorbell(std::move(bell_));
    }
  }

  // False when `deadline` passed first.
  bool join(Deadline deadline) {
    for (Place& place : places_) {
      Listener::Answer answer = bell_ == nullptr ? Listener::Answer::kFull
                                                 : place.listener.join(bell_->address, deadline);
      if (answer == Listener::Answer::kBusy) {
        return false;
      }
      place.heard = answer == Listener::Answer::kYes;
      deaf_ = deaf_ || !place.heard;
    }
    return true;
  }

  // From now on each message rings. True when there is one already.
  bool listen(Deadline deadline) {
    if (bell_ != nullptr) {
      silence_doorbell(bell_->fd.get());
    }
    bool something = false;
    for (Place& place : places_) {
      if (place.heard) {
        place.listener.silence(deadline, [] {});
      }
      place.item->ready = is_readable(family_, place.item->ring);
      something = something || place.item->ready;
    }
    return something;
  }

  // Finds somebody to watch at each other end. False when one of them was dead: look again.
  bool watch() {
    beginners_ = false;
    for (Place& place : places_) {
      for (;;) {
        Owner before = place.watched;
        place.watched = place.listener.writer(before);
        if (place.heard) {
          // sync: watched (pairs with ring_blind_bells).
          place.listener.watched().store(place.watched.bits, std::memory_order_seq_cst);
        }
        if (place.watched == before) {
          break;
        }
      }
      if (!watch(place.watched)) {
        return false;
      }
    }
    return true;
  }

  void add_to(std::vector<PollItem>& polls) const {
    if (bell_ != nullptr) {
      polls.push_back({bell_->fd.get()});
    }
    for (const Watched& w : watched_) {
      polls.push_back({w.pidfd.get()});
    }
  }
  // What add_to() added was waited for.
  void sweep_ended(std::span<const PollItem> polls) {
    for (size_t i = bell_ != nullptr ? 1 : 0; i < polls.size(); ++i) {
      if (polls[i].ready) {
        auto it = std::find_if(watched_.begin(), watched_.end(),
                               [&](const Watched& w) { return w.pidfd.get() == polls[i].fd; });
        family_.sweep(it->owner);
        watched_.erase(it);
      }
    }
  }

  // The longest sleep: shorter while somebody can not be watched, or heard.
  int64_t slice_ns() noexcept {
    int64_t most = family_.slice_ns();
    if (deaf_) {
      most = std::min(most, kDeafNs);
    }
    nap_ns_ = !beginners_ ? 0 : std::min(most, nap_ns_ == 0 ? kFirstNapNs : 2 * nap_ns_);
    return beginners_ ? nap_ns_ : most;
  }

 private:
  struct Place {
    WaitItem* item;
    Listener listener;
    Owner watched;
    bool heard;
  };
  struct Watched {
    Owner owner;
    UniqueFd pidfd;
  };

  bool watch(Owner holder) {
    if (holder == Family::self()) {
      return true;
    }
    if (!holder) {
      beginners_ = true;
      return true;
    }
    if (std::any_of(watched_.begin(), watched_.end(),
                    [&](const Watched& w) { return w.owner == holder; })) {
      return true;
    }
    int pid = static_cast<int>(family_.slot(holder).pid.load(std::memory_order_acquire));
    UniqueFd pidfd = pid != 0 ? open_pidfd(pid) : UniqueFd();
    // Only if it lives is the pid its own.
    if (family_.is_dead(holder)) {
      family_.sweep(holder);
      return false;
    }
    if (pidfd.valid()) {
      watched_.push_back({holder, std::move(pidfd)});
    } else {
      beginners_ = true;
    }
    return true;
  }

  Family& family_;
  std::unique_ptr<Doorbell> bell_;
  std::vector<Place> places_;
  std::vector<Watched> watched_;
  bool deaf_ = false;
  bool beginners_ = false;
  int64_t nap_ns_ = 0;
};

bool look_at_pipes(std::span<WaitItem> items) noexcept {
  bool something = false;
  for (WaitItem& item : items) {
    if (item.ring != 0) {
      item.ready = is_readable(*Family::current(), item.ring);
      something = something || item.ready;
    }
  }
  return something;
}

// Marks the descriptors among `items` from what poll_items() made of them.
bool take_over(std::span<WaitItem> items, std::span<const PollItem> polls) noexcept {
  bool something = false;
  size_t at = 0;
  for (WaitItem& item : items) {
    if (item.ring == 0) {
      item.ready = polls[at++].ready;
      something = something || item.ready;
    }
  }
  return something;
}

void look_for_deaths_at_sockets(std::span<WaitItem> items) noexcept {
  for (WaitItem& item : items) {
    if (item.socket != nullptr) {
      item.socket->look_for_deaths();
    }
  }
}

absl::Status failed(int err) { return err == 0 ? absl::OkStatus() : os_error(err, "mp::wait()"); }

}  // namespace

void forget_spare_doorbell() noexcept { delete g_spare.exchange(nullptr); }

absl::Status wait_for_items(std::span<WaitItem> items, Deadline deadline) {
  std::vector<PollItem> polls;
  for (const WaitItem& item : items) {
    if (item.ring == 0) {
      if (item.fd < 0) {
        return value_error(absl::StrCat("Invalid file descriptor: ", item.fd));
      }
      polls.push_back({item.fd});
    }
  }
  const size_t fds = polls.size();
  bool ready = look_at_pipes(items);
  if (fds != 0) {
    if (int err = poll_items(polls, Deadline::past()); err != 0) {
      return failed(err);
    }
    ready = take_over(items, polls) || ready;
  }
  if (ready || deadline.is_past_by_construction()) {
    return absl::OkStatus();
  }
  Family& family = Family::get();
  const bool has_pipes = fds != items.size();
  const bool has_sockets = std::any_of(items.begin(), items.end(),
                                       [](const WaitItem& item) { return item.socket != nullptr; });
  Pipes pipes(family, has_pipes ? items : std::span<WaitItem>());
  if (!pipes.join(deadline)) {
    return absl::OkStatus();
  }
  for (;;) {
    bool something = pipes.listen(deadline);
    if (!something && !pipes.watch()) {
      continue;
    }
    polls.resize(fds);
    pipes.add_to(polls);
    Deadline slice = something ? Deadline::past() : deadline;
    bool is_slice = false;
    if (!something && (has_pipes || has_sockets || deadline.is_interruptible())) {
      int64_t most = has_pipes     ? pipes.slice_ns()
                     : has_sockets ? family.slice_ns()
                                   : kInterruptSliceNs;
      slice = Deadline::after_ns(deadline.is_interruptible() ? std::min(most, kInterruptSliceNs)
                                                             : most);
      is_slice = earlier(slice, deadline).ns() == slice.ns();
      slice = earlier(slice, deadline);
    }
    if (int err = poll_items(polls, slice); err != 0) {
      return failed(err);
    }
    bool woken = std::any_of(polls.begin(), polls.end(), [](const PollItem& p) { return p.ready; });
    pipes.sweep_ended(std::span(polls).subspan(fds));
    if (!woken && is_slice && slice.passed()) {
      if (has_pipes) {
        family.sweep_all();
      }
      look_for_deaths_at_sockets(items);
    }
    something = take_over(items, polls);
    something = look_at_pipes(items) || something;
    if (something || deadline.passed()) {
      return absl::OkStatus();
    }
  }
}

}  // namespace mp::internal
