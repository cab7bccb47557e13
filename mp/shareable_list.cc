#include "mp/shareable_list.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/frame/python_text.h"

// In the order of the bytes:
//
//   int64       how many items: n
//   int64[n+1]  where the items begin, from the first one's place; the last: where they end
//   the items, each in a multiple of 8 bytes
//   char[n][8]  the struct format of each, NULs behind it
//   int8[n]     how to take what struct gives: 0 as it is, 1 a str, 2 bytes, 3 None
//
// That is Python's. It takes NULs off the end of a str or bytes, so how many those were stands in a
// table of our own behind it, from the next multiple of 8 on: kMark, then a Tail per item. Python
// does not know of it: a Tail counts only while its sum is that of the text.

namespace mp {
namespace {

using internal::raise_if_error;
using internal::value_error;

constexpr uint64_t kWord = 8;
constexpr char kMark[kWord] = {'m', 'p', 't', 'a', 'i', 'l', 's', '1'};

constexpr std::string_view kInt = "q";
constexpr std::string_view kFloat = "d";
constexpr std::string_view kBool = "xxxxxxx?";
constexpr std::string_view kNone = "xxxxxx?x";

enum Code : int8_t { kAsItIs = 0, kStr = 1, kBytes = 2, kNoneValue = 3 };

struct Tail {
  uint32_t zeros;
  uint32_t sum;
};

uint32_t sum_of(std::string_view text, Code code) {
  uint32_t h = 0x811c9dc5 ^ static_cast<uint32_t>(code);
  for (char c : text) {
    h = (h ^ static_cast<uint8_t>(c)) * 0x01000193;
  }
  return h;
}

std::string_view strip(std::string_view text) {
  size_t end = text.find_last_not_of('\0');
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

// What an item looks like in memory.
struct Packed {
  std::string_view format = {};  // of a text: empty
  Code code = kAsItIs;
  uint64_t word = 0;
  std::string_view text = {};
};

// Python's name of the class of what cannot be an item.
[[noreturn]] void refuse(const Object& value) {
  raise(KeyError(absl::StrCat("<class '", value.type_name(), "'>")).status());
}

// `value` must stay as long as its text is used.
Packed pack(const Object& value) {
  switch (value.kind()) {
    case Object::Kind::kNone:
      return {.format = kNone, .code = kNoneValue};
    case Object::Kind::kBool:
      return {.format = kBool, .word = uint64_t{static_cast<bool>(value)} << 56};
    case Object::Kind::kInt:
      if (value > Object(std::numeric_limits<int64_t>::max())) {
        raise(value_error("argument out of range"));
      }
      return {.format = kInt, .word = static_cast<uint64_t>(value.as<int64_t>())};
    case Object::Kind::kFloat:
      return {.format = kFloat, .word = std::bit_cast<uint64_t>(value.as<double>())};
    case Object::Kind::kStr:
      return {.code = kStr, .text = value.text()};
    case Object::Kind::kBytes:
      return {.code = kBytes, .text = value.text()};
    default:
      refuse(value);
  }
}

// The room of a text in a new list. Python reckons with characters; where that is too little, the
// bytes decide.
uint64_t room_for(const Packed& item) {
  if (!item.format.empty()) {
    return kWord;
  }
  uint64_t characters = item.text.size();
  if (item.code == kStr) {
    characters = static_cast<uint64_t>(std::count_if(item.text.begin(), item.text.end(),
                                                     [](char c) { return (c & 0xc0) != 0x80; }));
  }
  uint64_t bytes = (item.text.size() + kWord - 1) / kWord * kWord;
  return std::max(kWord * (characters / kWord + 1), bytes);
}

std::string text_format(uint64_t room) { return absl::StrCat(room, "s"); }

// A number is never seen half-written.
uint64_t read_word(const std::byte* at) {
  auto& word = *reinterpret_cast<uint64_t*>(const_cast<std::byte*>(at));
  return std::atomic_ref<uint64_t>(word).load(std::memory_order_relaxed);
}
void write_word(std::byte* at, uint64_t word) {
  std::atomic_ref<uint64_t>(*reinterpret_cast<uint64_t*>(at))
      .store(word, std::memory_order_relaxed);
}

// Where the parts of a list are, and what is done with an item of it; `base` is the list's first
// byte. Made once: what the memory says of its parts may change later.
struct Layout {
  uint64_t count = 0;
  std::vector<uint64_t> offsets;  // count + 1
  bool has_tails = true;

  uint64_t room(uint64_t i) const { return offsets[i + 1] - offsets[i]; }
  uint64_t item(uint64_t i) const { return kWord * (count + 2) + offsets[i]; }
  uint64_t format(uint64_t i) const { return item(count) + kWord * i; }
  uint64_t code(uint64_t i) const { return format(count) + i; }
  uint64_t mark() const { return (code(count) + kWord - 1) / kWord * kWord; }
  uint64_t tail(uint64_t i) const { return mark() + sizeof kMark + sizeof(Tail) * i; }

  void write_frame(std::byte* base) const {
    std::memcpy(base, &count, sizeof count);
    std::memcpy(base + kWord, offsets.data(), kWord * offsets.size());
    std::memcpy(base + mark(), kMark, sizeof kMark);
  }
  // False when the bytes are no list.
  bool read_frame(std::span<const std::byte> bytes);

  std::string format_text(const std::byte* base, uint64_t i) const {
    char text[kWord];
    std::memcpy(text, base + format(i), sizeof text);
    return std::string(strip({text, sizeof text}));
  }
  // False when what stands there is no item.
  bool get(const std::byte* base, uint64_t i, Object* out) const;
  // False when there is no room.
  bool set(std::byte* base, uint64_t i, const Packed& value) const;
};

bool Layout::read_frame(std::span<const std::byte> bytes) {
  int64_t n = 0;
  if (bytes.size() < 2 * kWord) {
    return false;
  }
  std::memcpy(&n, bytes.data(), sizeof n);
  // An item takes at least its offset, itself, its format and its code.
  if (n < 0 || static_cast<uint64_t>(n) > (bytes.size() - 2 * kWord) / (3 * kWord + 1)) {
    return false;
  }
  count = static_cast<uint64_t>(n);
  offsets.resize(count + 1);
  std::memcpy(offsets.data(), bytes.data() + kWord, kWord * offsets.size());
  if (offsets[0] != 0 || offsets[count] > bytes.size()) {
    return false;
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (offsets[i + 1] <= offsets[i] || offsets[i + 1] % kWord != 0) {
      return false;
    }
  }
  if (code(count) > bytes.size()) {
    return false;
  }
  has_tails =
      tail(count) <= bytes.size() && std::memcmp(bytes.data() + mark(), kMark, sizeof kMark) == 0;
  return true;
}

bool Layout::get(const std::byte* base, uint64_t i, Object* out) const {
  const std::byte* at = base + item(i);
  std::string packed = format_text(base, i);
  auto as = static_cast<Code>(base[code(i)]);
  if (packed == kInt) {
    *out = static_cast<int64_t>(read_word(at));
  } else if (packed == kFloat) {
    *out = std::bit_cast<double>(read_word(at));
  } else if (packed == kBool) {
    *out = read_word(at) >> 56 != 0;
  } else if (packed == kNone) {
    *out = None;
  } else {
    uint64_t size = 0;
    if (packed.empty() || packed.back() != 's' ||
        !absl::SimpleAtoi(packed.substr(0, packed.size() - 1), &size) || size > room(i) ||
        (as != kStr && as != kBytes)) {
      return false;
    }
    std::string text(reinterpret_cast<const char*>(at), size);
    text.resize(strip(text).size());
    Tail t{};
    if (has_tails) {
      std::memcpy(&t, base + tail(i), sizeof t);
    }
    if (t.zeros != 0 && t.zeros <= room(i) - text.size() && t.sum == sum_of(text, as)) {
      text.resize(text.size() + t.zeros);
    }
    *out = as == kStr ? Object(std::move(text)) : Object(Bytes(text));
  }
  return true;
}

// As Python does: first what it is, then the value. Only what changes is written, so that a number
// that replaces one of its own type is one store.
bool Layout::set(std::byte* base, uint64_t i, const Packed& value) const {
  std::string packed(value.format);
  if (packed.empty()) {
    if (value.text.size() > room(i)) {
      return false;
    }
    packed = text_format(room(i));
  }
  packed.resize(kWord);
  if (std::memcmp(base + format(i), packed.data(), kWord) != 0) {
    std::memcpy(base + format(i), packed.data(), kWord);
  }
  if (base[code(i)] != static_cast<std::byte>(value.code)) {
    base[code(i)] = static_cast<std::byte>(value.code);
  }
  std::byte* at = base + item(i);
  if (!value.format.empty()) {
    write_word(at, value.word);
    return true;
  }
  std::copy_n(reinterpret_cast<const std::byte*>(value.text.data()), value.text.size(), at);
  std::fill_n(at + value.text.size(), room(i) - value.text.size(), std::byte{0});
  if (has_tails) {
    std::string_view text = strip(value.text);
    Tail t{static_cast<uint32_t>(value.text.size() - text.size()), sum_of(text, value.code)};
    std::memcpy(base + tail(i), &t, sizeof t);
  }
  return true;
}

// The item that `position` means; `what` is the error's text when there is none.
uint64_t place(int64_t position, uint64_t count, const char* what) {
  uint64_t i = static_cast<uint64_t>(position) + (position < 0 ? count : 0);
  if (i >= count) {
    raise(IndexError(what).status());
  }
  return i;
}

}  // namespace

struct ShareableList::State {
  SharedMemory shm;
  Layout layout;
};

std::shared_ptr<const ShareableList::State> ShareableList::make(std::span<const Object> items,
                                                                const std::string_view* name) {
  std::vector<Packed> packed;
  Layout layout{.count = items.size(), .offsets = {0}};
  for (const Object& item : items) {
    packed.push_back(pack(item));
    uint64_t room = room_for(packed.back());
    if (text_format(room).size() > kWord) {
      raise(AssertionError(absl::StrCat("mp: a str or bytes of ", packed.back().text.size(),
                                        " bytes is too long for a ShareableList"))
                .status());
    }
    layout.offsets.push_back(layout.offsets.back() + room);
  }
  // Before the list has its name: nobody sees it half made.
  auto fill = [&](std::span<std::byte> bytes) {
    layout.write_frame(bytes.data());
    for (uint64_t i = 0; i < layout.count; ++i) {
      layout.set(bytes.data(), i, packed[i]);
    }
  };
  uint64_t size = layout.tail(layout.count);
  auto core = name != nullptr ? internal::SharedMemoryCore::create(*name, size, fill)
                              : internal::SharedMemoryCore::create(size, fill);
  raise_if_error(core.status());
  return std::make_shared<State>(State{SharedMemory(*std::move(core)), std::move(layout)});
}

std::shared_ptr<const ShareableList::State> ShareableList::open(SharedMemory shm) {
  Layout layout;
  if (!layout.read_frame(shm.buf())) {
    raise(value_error(absl::StrCat("mp: ", repr(shm), " holds no ShareableList")));
  }
  return std::make_shared<State>(State{std::move(shm), std::move(layout)});
}

ShareableList::ShareableList(std::initializer_list<Object> items)
    : state_(make({items.begin(), items.size()}, nullptr)) {}

ShareableList::ShareableList(std::initializer_list<Object> items, std::string_view name)
    : state_(make({items.begin(), items.size()}, &name)) {}

ShareableList ShareableList::attach(std::string_view name) {
  return ShareableList(open(SharedMemory::attach(name)));
}

int64_t ShareableList::size() const noexcept { return static_cast<int64_t>(state_->layout.count); }

const SharedMemory& ShareableList::shm() const noexcept { return state_->shm; }

Object ShareableList::get(int64_t position) const {
  const Layout& layout = state_->layout;
  uint64_t i = place(position, layout.count, "index out of range");
  Object value;
  if (!layout.get(shm().buf().data(), i, &value)) {
    raise(value_error(
        absl::StrCat("mp: item ", i, " of the ShareableList '", shm().name(), "' is damaged")));
  }
  return value;
}

void ShareableList::set(int64_t position, const Object& value) const {
  const Layout& layout = state_->layout;
  uint64_t i = place(position, layout.count, "assignment index out of range");
  if (!layout.set(shm().buf().data(), i, pack(value))) {
    raise(value_error("bytes/str item exceeds available storage"));
  }
}

int64_t ShareableList::count(const Object& value) const {
  return std::count(begin(), end(), value);
}

int64_t ShareableList::index(const Object& value) const {
  for (int64_t i = 0; i < size(); ++i) {
    if (get(i) == value) {
      return i;
    }
  }
  raise(value_error(absl::StrCat(repr(value), " not in this container")));
}

std::string ShareableList::format() const {
  std::string text;
  for (uint64_t i = 0; i < state_->layout.count; ++i) {
    text += state_->layout.format_text(shm().buf().data(), i);
  }
  return text;
}

std::string repr(const ShareableList& list) {
  Object items = mp::list();
  for (Object item : list) {
    items.append(std::move(item));
  }
  std::string text = absl::StrCat("ShareableList(", repr(items), ", name=");
  internal::append_repr(text, list.shm().name());
  return text + ")";
}

std::ostream& operator<<(std::ostream& out, const ShareableList& list) { return out << repr(list); }

ShareableList Codec<ShareableList>::decode(const Reader& r) {
  return ShareableList(ShareableList::open(r.as<SharedMemory>()));
}

}  // namespace mp
