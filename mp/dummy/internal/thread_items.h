// mp/dummy/internal/thread_items.h
//
// ThreadItems: the messages of a mp::dummy::Queue, and what becomes of those that are leased or are tasks.

#ifndef MP_DUMMY_INTERNAL_THREAD_ITEMS_H_
#define MP_DUMMY_INTERNAL_THREAD_ITEMS_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

#include "mp/dummy/internal/thread_queue.h"
#include "mp/dummy/internal/thread_tasks.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

template <class T>
class ThreadItems : public ThreadQueue {
 public:
  struct Item {
    T value;
    uint64_t seq;
    uint32_t attempt = 0;  // how often it was given out
    bool is_task = true;   // not finished before it was taken
  };

  using ThreadQueue::ThreadQueue;

  // Between taking the mutex and changing the items; its end tells the others, also when it is an
  // exception.
  struct Change {
    Change(ThreadItems& changed, Hold& held) : items(changed), hold(held) {}
    ~Change() { items.changed(hold, items.count()); }
    ThreadItems& items;
    Hold& hold;
  };

  // -- With the mutex --

  uint64_t count() const noexcept { return items_.size(); }
  void push(T&& value) { items_.push_back(Item{std::move(value), puts_++}); }
  Item pop() {
    Item item = std::move(items_.front());
    items_.pop_front();
    idle_ -= item.is_task ? 0 : 1;
    ++item.attempt;
    return item;
  }
  // `thread` has it, or 0: a lease.
  void give_out(const Item& item, uint32_t thread) {
    if (item.is_task) {
      tasks_.add(item.seq, thread);
    }
  }

  // -- Without it --

  // Who has the message is done with it.
  void finish(uint64_t seq) {
    Hold h = hold();
    if (tasks_.remove(seq)) {
      tell_if_finished(h);
    }
  }
  // It is the first again, unless somebody has said that it is finished.
  void give_back(Item&& item) {
    Hold h = hold();
    if (!item.is_task || !tasks_.remove(item.seq)) {
      return;
    }
    if (gets_ended()) {
      tell_if_finished(h);
      return;
    }
    Change change(*this, h);
    auto at =
        std::find_if(items_.begin(), items_.end(), [&](const Item& i) { return i.seq > item.seq; });
    items_.insert(at, std::move(item));
  }
  // A task is finished: of those of `thread`, else of others, else the first that waits. False when there is none.
  bool finish_any(uint32_t thread) {
    Hold h = hold();
    if (!tasks_.remove_one(thread)) {
      auto at = gets_ended() ? items_.end()
                             : std::find_if(items_.begin(), items_.end(),
                                            [](const Item& i) { return i.is_task; });
      if (at == items_.end()) {
        return false;
      }
      at->is_task = false;
      ++idle_;
    }
    tell_if_finished(h);
    return true;
  }
  // Waits until no task is unfinished.
  bool join(Deadline deadline) {
    Hold h = hold();
    return await_finished(h, deadline, [this] { return unfinished() == 0; });
  }

 private:
  uint64_t unfinished() const noexcept {
    return tasks_.count() + (gets_ended() ? 0 : items_.size() - idle_);
  }
  void tell_if_finished(Hold& h) {
    if (unfinished() == 0) {
      tell_joiners(h);
    }
  }

  std::deque<Item> items_;  // by `seq`
  ThreadTasks tasks_;
  uint64_t puts_ = 0;
  uint64_t idle_ = 0;  // items that are no tasks any more
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_ITEMS_H_
