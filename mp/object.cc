#include "mp/object.h"

#include <bit>
#include <cmath>
#include <ostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/frame/python_text.h"

namespace mp {
namespace internal {

struct Items {
  std::vector<Object> items;
};

// A handle: a Ref, or several that make one thing.
struct Shared {
  std::string name;  // of its class: "mp::Condition"
  Kind kind = Kind::kNone;
  Ref ref = {};
  Object parts = {};  // if there are several: the tuple that crosses

  // Where the thing is: the first part of several.
  uint64_t offset() const;
  friend bool operator==(const Shared&, const Shared&) = default;
};

struct ObjectAccess {
  static void append_repr(std::string& out, const Object& o) { o.append_repr(out); }
  static Object of(Object::Kind kind, std::initializer_list<Object> items) {
    Object o(items);
    o.kind_ = kind;
    return o;
  }
  static Object table(Object::Kind kind);
  static Object handle(Shared shared);
  static const Shared& shared(const Object& o) { return *o.value_.shared; }
};

uint64_t Shared::offset() const {
  return parts.is_none() ? ref.offset() : ObjectAccess::shared(parts[0]).offset();
}

// A set, or a dict, in the order of insertion.
struct Table {
  static constexpr size_t kNowhere = ~size_t{0};
  static constexpr size_t kFew = 8;  // up to here a look at each is faster than a hash

  std::vector<Object> keys;
  std::vector<Object> values;  // empty in a set
  // Places in `keys` plus one, found by hash; 0 is free. A power of two, at most half full; empty while there are few.
  std::vector<uint32_t> slots;

  size_t find(const Object& key) const {
    size_t hash = key.hash();  // also raises for what cannot be a key
    if (slots.empty()) {
      for (size_t i = 0; i < keys.size(); ++i) {
        if (keys[i] == key) {
          return i;
        }
      }
      return kNowhere;
    }
    for (size_t slot = hash & (slots.size() - 1); slots[slot] != 0;
         slot = (slot + 1) & (slots.size() - 1)) {
      if (keys[slots[slot] - 1] == key) {
        return slots[slot] - 1;
      }
    }
    return kNowhere;
  }

  // The place of `key`, which is added if it is missing.
  size_t insert(Object key) {
    size_t place = find(key);
    if (place == kNowhere) {
      place = keys.size();
      keys.push_back(std::move(key));
      if (keys.size() > kFew) {
        if (slots.size() < 2 * keys.size()) {
          rehash();
        } else {
          enter(place);
        }
      }
    }
    return place;
  }

  void erase(size_t place) {
    keys.erase(keys.begin() + static_cast<ptrdiff_t>(place));
    if (!values.empty()) {
      values.erase(values.begin() + static_cast<ptrdiff_t>(place));
    }
    rehash();
  }

 private:
  void enter(size_t place) {
    size_t slot = keys[place].hash() & (slots.size() - 1);
    while (slots[slot] != 0) {
      slot = (slot + 1) & (slots.size() - 1);
    }
    slots[slot] = static_cast<uint32_t>(place + 1);
  }
  void rehash() {
    slots.assign(keys.size() > kFew ? std::bit_ceil(4 * keys.size()) : 0, 0);
    for (size_t i = 0; !slots.empty() && i < keys.size(); ++i) {
      enter(i);
    }
  }
};

}  // namespace internal

namespace {

using Kind = Object::Kind;
using Wide = __int128;

[[noreturn]] void refuse(std::string_view text) { raise(internal::type_error(text)); }

constexpr const char* kNames[] = {"NoneType", "bool", "int",   "float", "str",
                                  "bytes",    "list", "tuple", "set",   "dict"};

constexpr std::string_view kScope = "mp::";  // of the names of handles

uint64_t mix(uint64_t h) {
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93;
  return h ^ (h >> 29);
}

// -1, 0 or 1, exactly; 2 if `real` is no number.
int compare(Wide integer, double real) {
  if (std::isnan(real)) {
    return 2;
  }
  if (real >= 0x1p64) {
    return -1;
  }
  if (real < -0x1p63) {
    return 1;
  }
  Wide whole = static_cast<Wide>(std::floor(real));
  if (integer != whole) {
    return integer < whole ? -1 : 1;
  }
  return static_cast<double>(whole) < real ? -1 : 0;
}

int compare(double a, double b) { return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2; }

// Whether an order (-1, 0, 1; 2 is none) is what the sign asks for.
bool answers(int order, std::string_view sign) {
  return order != 2 && (order == 0  ? sign.size() == 2
                        : order < 0 ? sign[0] == '<'
                                    : sign[0] == '>');
}

}  // namespace

Object::Object(std::string text) {
  value_.text = new std::string(std::move(text));
  kind_ = Kind::kStr;
}

Object::Object(Bytes bytes) {
  value_.bytes = new Bytes(std::move(bytes));
  kind_ = Kind::kBytes;
}

Object::Object(std::initializer_list<Object> items) {
  value_.items = new internal::Items{items};
  kind_ = Kind::kList;
}

Object::Object(const Object& other) : value_(other.value_), big_(other.big_) {
  switch (other.kind_) {
    case Kind::kStr:
      value_.text = new std::string(*other.value_.text);
      break;
    case Kind::kBytes:
      value_.bytes = new Bytes(*other.value_.bytes);
      break;
    case Kind::kList:
    case Kind::kTuple:
      value_.items = new internal::Items(*other.value_.items);
      break;
    case Kind::kSet:
    case Kind::kDict:
      value_.table = new internal::Table(*other.value_.table);
      break;
    case Kind::kHandle:
      value_.shared = new internal::Shared(*other.value_.shared);
      break;
    default:
      break;
  }
  kind_ = other.kind_;
}

Object::~Object() {
  switch (kind_) {
    case Kind::kStr:
      delete value_.text;
      break;
    case Kind::kBytes:
      delete value_.bytes;
      break;
    case Kind::kList:
    case Kind::kTuple:
      delete value_.items;
      break;
    case Kind::kSet:
    case Kind::kDict:
      delete value_.table;
      break;
    case Kind::kHandle:
      delete value_.shared;
      break;
    default:
      break;
  }
}

Object& Object::operator=(Object other) noexcept {
  std::swap(value_, other.value_);
  std::swap(kind_, other.kind_);
  std::swap(big_, other.big_);
  return *this;
}

const char* Object::type_name() const noexcept {
  return kind_ == Kind::kHandle ? value_.shared->name.c_str() + kScope.size()
                                : kNames[static_cast<int>(kind_)];
}

Object::operator bool() const noexcept {
  switch (kind_) {
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value_.integer != 0;
    case Kind::kFloat:
      return value_.real != 0;
    case Kind::kStr:
      return !value_.text->empty();
    case Kind::kBytes:
      return !value_.bytes->empty();
    case Kind::kHandle:
      return true;
    default:
      return size() != 0;
  }
}

std::string_view Object::text() const {
  if (kind_ == Kind::kBytes) {
    return value_.bytes->view();
  }
  if (kind_ != Kind::kStr) {
    refuse(absl::StrCat("expected str or bytes, found ", type_name()));
  }
  return *value_.text;
}

size_t Object::size() const {
  switch (kind_) {
    case Kind::kStr: {
      // Code points: the bytes that do not continue one.
      size_t n = 0;
      for (char c : *value_.text) {
        n += (c & 0xc0) != 0x80;
      }
      return n;
    }
    case Kind::kBytes:
      return value_.bytes->size();
    case Kind::kList:
    case Kind::kTuple:
      return value_.items->items.size();
    case Kind::kSet:
    case Kind::kDict:
      return value_.table->keys.size();
    default:
      refuse(absl::StrCat("object of type '", type_name(), "' has no len()"));
  }
}

bool Object::contains(const Object& item) const {
  switch (kind_) {
    case Kind::kStr:
      if (item.kind_ != Kind::kStr) {
        refuse(
            absl::StrCat("'in <string>' requires string as left operand, not ", item.type_name()));
      }
      return value_.text->find(*item.value_.text) != std::string::npos;
    case Kind::kBytes:
      if (item.kind_ == Kind::kInt && item.value_.integer >= 0 && item.value_.integer < 256) {
        return text().find(static_cast<char>(item.value_.integer)) != std::string_view::npos;
      }
      if (item.kind_ != Kind::kBytes) {
        refuse(absl::StrCat("a bytes-like object is required, not '", item.type_name(), "'"));
      }
      return text().find(item.text()) != std::string_view::npos;
    case Kind::kList:
    case Kind::kTuple:
      for (const Object& o : value_.items->items) {
        if (o == item) {
          return true;
        }
      }
      return false;
    case Kind::kSet:
    case Kind::kDict:
      return value_.table->find(item) != internal::Table::kNowhere;
    default:
      refuse(absl::StrCat("argument of type '", type_name(), "' is not iterable"));
  }
}

const Object& Object::at(const Object& key) const {
  if (kind_ == Kind::kDict) {
    size_t place = value_.table->find(key);
    if (place == internal::Table::kNowhere) {
      raise(internal::make_status("KeyError", absl::StatusCode::kNotFound, repr(key)));
    }
    return value_.table->values[place];
  }
  if (kind_ != Kind::kList && kind_ != Kind::kTuple) {
    refuse(absl::StrCat("'", type_name(), "' object is not subscriptable"));
  }
  if (key.kind_ != Kind::kInt && key.kind_ != Kind::kBool) {
    refuse(absl::StrCat(type_name(), " indices must be integers or slices, not ", key.type_name()));
  }
  const std::vector<Object>& items = value_.items->items;
  int64_t size = static_cast<int64_t>(items.size());
  int64_t i = key.value_.integer < 0 && !key.big_ ? key.value_.integer + size : key.value_.integer;
  if (i < 0 || i >= size) {
    raise(internal::make_status("IndexError", absl::StatusCode::kOutOfRange,
                                absl::StrCat(type_name(), " index out of range")));
  }
  return items[static_cast<size_t>(i)];
}

Object& Object::operator[](const Object& key) {
  if (kind_ == Kind::kDict) {
    internal::Table& table = *value_.table;
    size_t place = table.insert(key);
    table.values.resize(table.keys.size());
    return table.values[place];
  }
  return const_cast<Object&>(std::as_const(*this).at(key));
}

void Object::append(Object item) {
  if (kind_ != Kind::kList) {
    raise(internal::make_status(
        "AttributeError", absl::StatusCode::kNotFound,
        absl::StrCat("'", type_name(), "' object has no attribute 'append'")));
  }
  value_.items->items.push_back(std::move(item));
}

void Object::add(Object item) {
  if (kind_ != Kind::kSet) {
    raise(internal::make_status("AttributeError", absl::StatusCode::kNotFound,
                                absl::StrCat("'", type_name(), "' object has no attribute 'add'")));
  }
  value_.table->insert(std::move(item));
}

Object Object::pop(const Object& key) {
  if (kind_ == Kind::kList) {
    Object item = std::move(const_cast<Object&>(at(key)));
    auto& items = value_.items->items;
    int64_t i = key.value_.integer;
    items.erase(items.begin() + (i < 0 ? i + static_cast<int64_t>(items.size()) : i));
    return item;
  }
  if (kind_ != Kind::kSet && kind_ != Kind::kDict) {
    raise(internal::make_status("AttributeError", absl::StatusCode::kNotFound,
                                absl::StrCat("'", type_name(), "' object has no attribute 'pop'")));
  }
  internal::Table& table = *value_.table;
  size_t place = table.find(key);
  if (place == internal::Table::kNowhere) {
    raise(internal::make_status("KeyError", absl::StatusCode::kNotFound, repr(key)));
  }
  Object item = std::move(kind_ == Kind::kSet ? table.keys[place] : table.values[place]);
  table.erase(place);
  return item;
}

std::span<const Object> Object::keys() const {
  switch (kind_) {
    case Kind::kList:
    case Kind::kTuple:
      return value_.items->items;
    case Kind::kSet:
    case Kind::kDict:
      return value_.table->keys;
    default:
      refuse(absl::StrCat("'", type_name(), "' object is not iterable"));
  }
}

std::span<const Object> Object::values() const {
  return kind_ == Kind::kDict ? std::span<const Object>(value_.table->values) : keys();
}

const Object* Object::begin() const { return keys().data(); }
const Object* Object::end() const { return keys().data() + keys().size(); }

bool Object::equal(const Object& a, const Object& b) {
  if (a.kind_ <= Kind::kFloat && a.kind_ != Kind::kNone && b.kind_ <= Kind::kFloat &&
      b.kind_ != Kind::kNone) {
    return number_order(a, b) == 0;
  }
  if (a.kind_ != b.kind_) {
    return false;
  }
  switch (a.kind_) {
    case Kind::kStr:
    case Kind::kBytes:
      return a.text() == b.text();
    case Kind::kList:
    case Kind::kTuple:
      return a.value_.items->items == b.value_.items->items;
    case Kind::kSet:
    case Kind::kDict: {
      const internal::Table& x = *a.value_.table;
      const internal::Table& y = *b.value_.table;
      if (x.keys.size() != y.keys.size()) {
        return false;
      }
      for (size_t i = 0; i < x.keys.size(); ++i) {
        size_t place = y.find(x.keys[i]);
        if (place == internal::Table::kNowhere ||
            (a.kind_ == Kind::kDict && !(x.values[i] == y.values[place]))) {
          return false;
        }
      }
      return true;
    }
    case Kind::kHandle:
      return *a.value_.shared == *b.value_.shared;
    default:
      return true;
  }
}

int Object::number_order(const Object& a, const Object& b) {
  auto wide = [](const Object& o) {
    return o.big_ ? Wide{static_cast<uint64_t>(o.value_.integer)} : Wide{o.value_.integer};
  };
  bool a_real = a.kind_ == Kind::kFloat;
  bool b_real = b.kind_ == Kind::kFloat;
  if (a_real && b_real) {
    return compare(a.value_.real, b.value_.real);
  }
  if (b_real) {
    return compare(wide(a), b.value_.real);
  }
  if (a_real) {
    int order = compare(wide(b), a.value_.real);
    return order == 2 ? 2 : -order;
  }
  return wide(a) < wide(b) ? -1 : wide(a) > wide(b) ? 1 : 0;
}

bool Object::ordered(const Object& a, const Object& b, const char* sign) {
  auto is_number = [](const Object& o) {
    return o.kind_ >= Kind::kBool && o.kind_ <= Kind::kFloat;
  };
  if (is_number(a) && is_number(b)) {
    return answers(number_order(a, b), sign);
  }
  if (a.kind_ != b.kind_ || a.kind_ == Kind::kNone || a.kind_ >= Kind::kDict) {
    refuse(absl::StrCat("'", sign, "' not supported between instances of '", a.type_name(),
                        "' and '", b.type_name(), "'"));
  }
  if (a.kind_ == Kind::kStr || a.kind_ == Kind::kBytes) {
    int order = a.text().compare(b.text());
    return answers(order < 0 ? -1 : order > 0 ? 1 : 0, sign);
  }
  std::span<const Object> x = a.keys();
  std::span<const Object> y = b.keys();
  if (a.kind_ == Kind::kSet) {
    const Object& less = sign[0] == '<' ? a : b;
    const Object& more = sign[0] == '<' ? b : a;
    for (const Object& item : less) {
      if (!more.contains(item)) {
        return false;
      }
    }
    return sign[1] != '\0' || x.size() != y.size();
  }
  for (size_t i = 0; i < x.size() && i < y.size(); ++i) {
    if (!(x[i] == y[i])) {
      return ordered(x[i], y[i], sign);
    }
  }
  return answers(x.size() < y.size() ? -1 : x.size() > y.size() ? 1 : 0, sign);
}

size_t Object::hash() const {
  switch (kind_) {
    case Kind::kNone:
      return 0x6e6f6e65;
    case Kind::kFloat:
      // An integer has the hash of that integer.
      if (value_.real >= -0x1p63 && value_.real < 0x1p64 &&
          value_.real == std::floor(value_.real)) {
        return mix(value_.real < 0 ? static_cast<uint64_t>(static_cast<int64_t>(value_.real))
                                   : static_cast<uint64_t>(value_.real));
      }
      return mix(std::bit_cast<uint64_t>(value_.real));
    case Kind::kBool:
    case Kind::kInt:
      return mix(static_cast<uint64_t>(value_.integer));
    case Kind::kStr:
    case Kind::kBytes:
      return std::hash<std::string_view>()(text());
    case Kind::kTuple: {
      uint64_t h = 0x7475706c65;
      for (const Object& o : *this) {
        h = mix(h * 31 + o.hash());
      }
      return h;
    }
    case Kind::kHandle:
      return mix(value_.shared->offset());
    default:
      refuse(absl::StrCat("unhashable type: '", type_name(), "'"));
  }
}

void Object::append_repr(std::string& out) const {
  auto append_all = [&](const char* open, const char* close) {
    out += open;
    const char* comma = "";
    for (const Object& o : *this) {
      out += comma;
      o.append_repr(out);
      comma = ", ";
    }
    out += close;
  };
  switch (kind_) {
    case Kind::kNone:
      out += "None";
      break;
    case Kind::kBool:
      out += value_.integer != 0 ? "True" : "False";
      break;
    case Kind::kInt:
      big_ ? absl::StrAppend(&out, static_cast<uint64_t>(value_.integer))
           : absl::StrAppend(&out, value_.integer);
      break;
    case Kind::kFloat:
      internal::append_float(out, value_.real);
      break;
    case Kind::kStr:
      internal::append_repr(out, *value_.text);
      break;
    case Kind::kBytes:
      internal::append_bytes_repr(out, value_.bytes->view());
      break;
    case Kind::kList:
      append_all("[", "]");
      break;
    case Kind::kTuple:
      append_all("(", size() == 1 ? ",)" : ")");
      break;
    case Kind::kSet:
      size() == 0 ? out += "set()" : (append_all("{", "}"), out);
      break;
    case Kind::kDict: {
      out += '{';
      const internal::Table& table = *value_.table;
      for (size_t i = 0; i < table.keys.size(); ++i) {
        out += i == 0 ? "" : ", ";
        table.keys[i].append_repr(out);
        out += ": ";
        table.values[i].append_repr(out);
      }
      out += '}';
      break;
    }
    case Kind::kHandle:
      absl::StrAppend(&out, "<", type_name(), " at 0x", absl::Hex(value_.shared->offset()), ">");
      break;
  }
}

std::string repr(const Object& o) {
  std::string out;
  internal::ObjectAccess::append_repr(out, o);
  return out;
}

std::string str(const Object& o) {
  return o.kind() == Kind::kStr ? std::string(o.text()) : repr(o);
}

std::ostream& operator<<(std::ostream& out, const Object& o) { return out << str(o); }

Object internal::ObjectAccess::table(Object::Kind kind) {
  Object o;
  o.value_.table = new Table;
  o.kind_ = kind;
  return o;
}

Object internal::ObjectAccess::handle(Shared shared) {
  Object o;
  o.value_.shared = new Shared(std::move(shared));
  o.kind_ = Object::Kind::kHandle;
  return o;
}

Object list(std::initializer_list<Object> items) { return Object(items); }

Object tuple(std::initializer_list<Object> items) {
  return internal::ObjectAccess::of(Kind::kTuple, items);
}

Object set(std::initializer_list<Object> items) {
  Object o = internal::ObjectAccess::table(Kind::kSet);
  for (const Object& item : items) {
    o.add(item);
  }
  return o;
}

Object dict(std::initializer_list<std::pair<Object, Object>> items) {
  Object o = internal::ObjectAccess::table(Kind::kDict);
  for (const auto& [key, value] : items) {
    o[key] = value;
  }
  return o;
}

// Items of one simple kind travel side by side.
Encoder::Ref Object::encode_items(Encoder& e, std::span<const Object> items) {
  Kind kind = items.empty() ? Kind::kNone : items[0].kind_;
  for (const Object& o : items) {
    if (o.kind_ != kind || o.big_) {
      kind = Kind::kNone;
      break;
    }
  }
  if (kind == Kind::kStr) {
    Encoder::Texts texts(e);
    for (const Object& o : items) {
      texts.add(*o.value_.text);
    }
    return texts.finish();
  }
  if (kind == Kind::kInt || kind == Kind::kFloat) {
    std::vector<int64_t> integers;
    std::vector<double> reals;
    for (const Object& o : items) {
      kind == Kind::kInt ? integers.push_back(o.value_.integer) : reals.push_back(o.value_.real);
    }
    return kind == Kind::kInt ? e.scalars(std::span<const int64_t>(integers))
                              : e.scalars(std::span<const double>(reals));
  }
  Encoder::Level level(e);
  Encoder::Items refs(e);
  for (const Object& o : items) {
    refs.add(e.value(o));
  }
  return e.list(refs);
}

Encoder::Ref Codec<Object>::encode(Encoder& e, const Object& o) {
  switch (o.kind_) {
    case Kind::kBool:
      return e.boolean(o.value_.integer != 0);
    case Kind::kInt:
      return o.big_ ? e.uinteger(static_cast<uint64_t>(o.value_.integer))
                    : e.integer(o.value_.integer);
    case Kind::kFloat:
      return e.real(o.value_.real);
    case Kind::kStr:
      return e.text(*o.value_.text);
    case Kind::kBytes:
      return e.bytes(*o.value_.bytes);
    case Kind::kList:
      return Object::encode_items(e, o.value_.items->items);
    case Kind::kTuple: {
      Encoder::Level level(e);
      Encoder::Items refs(e);
      for (const Object& item : o) {
        refs.add(e.value(item));
      }
      return e.tuple(refs);
    }
    case Kind::kSet: {
      Encoder::Level level(e);
      return e.set(Object::encode_items(e, o.keys()));
    }
    case Kind::kDict: {
      Encoder::Level level(e);
      Encoder::Ref keys = Object::encode_items(e, o.keys());
      return e.dict(keys, Object::encode_items(e, o.values()));
    }
    case Kind::kHandle: {
      const internal::Shared& shared = *o.value_.shared;
      return shared.parts.is_none() ? internal::encode_ref(e, shared.kind, shared.ref)
                                    : e.tagged(shared.name, e.value(shared.parts));
    }
    default:
      return e.none();
  }
}

NoneType Codec<NoneType>::decode(const Reader& r) {
  if (!r.is_none()) {
    r.refuse("None");
  }
  return None;
}

Object Codec<Object>::decode(const Reader& r) {
  auto seconds = [](Reader::Span span) { return Object(internal::from_span(span)); };
  switch (r.form()) {
    case internal::Form::kNull:
      return Object();
    case internal::Form::kBool:
      return Object(r.boolean());
    case internal::Form::kInt:
      return Object(r.integer());
    case internal::Form::kUInt:
      return Object(r.integer<uint64_t>());
    case internal::Form::kFloat:
      return Object(r.real());
    case internal::Form::kText:
      return Object(r.text());
    case internal::Form::kBytes:
      return Object(Bytes(r.bytes()));
    case internal::Form::kSet: {
      Object o = mp::set();
      Reader items = r.items();
      for (size_t i = 0; i < items.size(); ++i) {
        o.add(decode(items[i]));
      }
      return o;
    }
    case internal::Form::kDict: {
      Object o = mp::dict();
      Reader keys = r.keys();
      Reader values = r.values();
      for (size_t i = 0; i < keys.size(); ++i) {
        o[decode(keys[i])] = decode(values[i]);
      }
      return o;
    }
    case internal::Form::kChoice:
      return decode(r.variant_value());
    case internal::Form::kDuration:
      return seconds(r.duration());
    case internal::Form::kTime:
      return seconds(r.time());
    case internal::Form::kHandle: {
      auto kind = static_cast<internal::Kind>(r.handle_kind());
      return internal::ObjectAccess::handle({.name = std::string(internal::handle_name(kind)),
                                             .kind = kind,
                                             .ref = internal::decode_ref(kind, r)});
    }
    case internal::Form::kTagged: {
      Object o = decode(r.untagged());
      bool parts = o.kind_ == Kind::kTuple && o.size() != 0 && o[0].kind_ == Kind::kHandle;
      if (!parts || r.tag().substr(0, kScope.size()) != kScope) {
        return o;
      }
      return internal::ObjectAccess::handle({.name = std::string(r.tag()), .parts = std::move(o)});
    }
    default: {
      if (!r.is_sequence()) {
        r.refuse("mp::Object");
      }
      bool is_tuple = r.is(internal::Form::kTuple) || r.is(internal::Form::kFields);
      Object o = is_tuple ? mp::tuple() : mp::list();
      size_t n = r.size();
      o.value_.items->items.reserve(n);
      for (size_t i = 0; i < n; ++i) {
        o.value_.items->items.push_back(decode(r[i]));
      }
      return o;
    }
  }
}

}  // namespace mp
