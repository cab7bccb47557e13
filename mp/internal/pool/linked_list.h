// mp/internal/pool/linked_list.h
//
// LinkedList: elements that are linked through a field of theirs, so that to put one in or take one out, wherever it is, needs
// neither memory nor a search. It owns nothing. One pointer, also when it is empty: many a job has one.
//
// Safety    One thread at a time.

#ifndef MP_INTERNAL_POOL_LINKED_LIST_H_
#define MP_INTERNAL_POOL_LINKED_LIST_H_

namespace mp::internal {

// Round: before the first is the last.
template <class T>
struct Links {
  T* before = nullptr;
  T* after = nullptr;
};

template <class T, Links<T> T::*kLinks>
class LinkedList {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  T* first() const noexcept { return first_; }
  // Null after the last.
  T* after(const T* t) const noexcept {
    T* next = (t->*kLinks).after;
    return next != first_ ? next : nullptr;
  }
  void push_back(T* t) noexcept {
    if (first_ == nullptr) {
      t->*kLinks = {t, t};
      first_ = t;
      return;
    }
    T* const last = (first_->*kLinks).before;
    t->*kLinks = {last, first_};
    (last->*kLinks).after = (first_->*kLinks).before = t;
  }
  void push_front(T* t) noexcept {
    push_back(t);
    first_ = t;
  }
  void erase(T* t) noexcept {
    const Links<T> links = t->*kLinks;
    if (links.after == t) {
      first_ = nullptr;
      return;
    }
    (links.before->*kLinks).after = links.after;
    (links.after->*kLinks).before = links.before;
    if (first_ == t) {
      first_ = links.after;
    }
  }

 private:
  T* first_ = nullptr;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_LINKED_LIST_H_
