// mp/shareable_list.h
//
// ShareableList: a list in shared memory, of a length that stays. Python:
// multiprocessing.shared_memory.ShareableList.
//
//   mp::ShareableList a({"howdy", mp::Bytes("HoWdY"), -273.154, 100, mp::None, true, 42});
//   a[3] = a[3].as<int>() + 1;
//   std::cout << a << '\n';       // ShareableList(['howdy', ..., 101, ...], name='psm_6c1a0e3f')
//   auto b = mp::ShareableList::attach(a.shm().name());
//   a.shm().unlink();
//
// An item is an int of 64 bits, float, bool, str, bytes or None; assigning may change its type. A str
// or bytes has as much room as it was created with, rounded up to 8 bytes.
//
// Handles    As SharedMemory's, which shm() is: whoever made the list unlinks it.
// Safety     Any method, any thread. There is no lock, as in Python: who reads an item while
//            another writes it may get a mix of both. An int, float or bool that replaces one of
//            its own type is whole, always.
// Ordering   A list is seen complete by who attaches. Else none.
// Blocking   None.
// Cost       An item is read and written in place; 17 bytes besides its own, and 8 more here.
// Death      While it is created: it was never there. While an item is assigned: that item may be
//            half-written; the others are whole. What was read is checked against the list's
//            bounds: damaged lists are mp::ValueError.
// Crossing   As SharedMemory; it costs the same whatever its length.
// Python     The same bytes, read and written by Python's class: use a name for that. Zeros at the
//            end of a str or bytes are kept (Python loses them, also when it reads ours). A str's
//            room counts bytes, not characters. Index -8 of 7 items is mp::IndexError.

#ifndef MP_SHAREABLE_LIST_H_
#define MP_SHAREABLE_LIST_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mp/object.h"
#include "mp/shared_memory.h"

namespace mp {

class ShareableList {
 public:
  class Item;
  class iterator;

  // A new list. Throws mp::KeyError for an item of another type, and what SharedMemory::create()
  // throws.
  ShareableList(std::initializer_list<Object> items = {});
  ShareableList(std::initializer_list<Object> items, std::string_view name);
  // The same of any range, a ShareableList too: a copy of its items. Python: ShareableList(items).
  template <class Range>
  static ShareableList from(const Range& items) {
    return ShareableList(make(objects(items), nullptr));
  }
  template <class Range>
  static ShareableList from(const Range& items, std::string_view name) {
    return ShareableList(make(objects(items), &name));
  }
  // The list in the block of that name. Python: ShareableList(name=name).
  static ShareableList attach(std::string_view name);

  // Python: len(list)
  int64_t size() const noexcept;
  // From 0, or negative from the end. Reading throws mp::IndexError "index out of range", assigning
  // mp::IndexError "assignment index out of range", mp::ValueError "bytes/str item exceeds
  // available storage".
  Item operator[](int64_t position) const;
  Object get(int64_t position) const;
  void set(int64_t position, const Object& value) const;

  iterator begin() const;
  iterator end() const;

  int64_t count(const Object& value) const;
  // The first place of `value`. Throws mp::ValueError "... not in this container".
  int64_t index(const Object& value) const;

  // How the items are packed, in the language of Python's struct: "8sdq".
  std::string format() const;
  const SharedMemory& shm() const noexcept;

  friend bool operator==(const ShareableList& a, const ShareableList& b) noexcept {
    return a.shm() == b.shm();
  }

 private:
  struct State;
  friend Codec<ShareableList>;
  explicit ShareableList(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  static std::shared_ptr<const State> make(std::span<const Object> items,
                                           const std::string_view* name);
  static std::shared_ptr<const State> open(SharedMemory shm);
  template <class Range>
  static std::vector<Object> objects(const Range& items) {
    std::vector<Object> all;
    for (const auto& item : items) {
      all.push_back(Object(item));
    }
    return all;
  }

  std::shared_ptr<const State> state_;
};

// A place of a list: reads as its value, and is assigned to.
class ShareableList::Item {
 public:
  operator Object() const { return list_.get(position_); }
  template <Shippable T>
  T as() const {
    return Object(*this).as<T>();
  }
  const Item& operator=(const Object& value) const {
    list_.set(position_, value);
    return *this;
  }
  const Item& operator=(const Item& other) const { return *this = Object(other); }
  Item(const Item&) = default;

  friend bool operator==(const Item& a, const Object& b) { return Object(a) == b; }
  friend bool operator==(const Item& a, const Item& b) { return Object(a) == Object(b); }
  friend std::ostream& operator<<(std::ostream& out, const Item& i) { return out << Object(i); }

 private:
  friend ShareableList;
  Item(const ShareableList& list, int64_t position) : list_(list), position_(position) {}
  ShareableList list_;
  int64_t position_;
};

class ShareableList::iterator {
 public:
  using value_type = Object;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  using pointer = const Object*;
  using reference = Object;

  iterator() = default;
  Object operator*() const { return list_->get(position_); }
  iterator& operator++() {
    ++position_;
    return *this;
  }
  iterator operator++(int) {
    iterator before = *this;
    ++position_;
    return before;
  }
  friend bool operator==(const iterator& a, const iterator& b) noexcept {
    return a.position_ == b.position_;
  }

 private:
  friend ShareableList;
  iterator(const ShareableList* list, int64_t position) : list_(list), position_(position) {}
  const ShareableList* list_ = nullptr;
  int64_t position_ = 0;
};

inline ShareableList::Item ShareableList::operator[](int64_t position) const {
  return Item(*this, position);
}
inline ShareableList::iterator ShareableList::begin() const { return iterator(this, 0); }
inline ShareableList::iterator ShareableList::end() const { return iterator(this, size()); }

// ShareableList([1, 'two'], name='psm_8f3bc247')
std::string repr(const ShareableList& list);
std::ostream& operator<<(std::ostream& out, const ShareableList& list);

template <>
struct Codec<ShareableList> {
  static Encoder::Ref encode(Encoder& e, const ShareableList& list) { return e.value(list.shm()); }
  static ShareableList decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_SHAREABLE_LIST_H_
