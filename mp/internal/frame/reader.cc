#include "mp/internal/frame/reader.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/shm/kind.h"
#include "mp/wire/value_generated.h"

namespace mp {

using internal::Form;

static_assert(static_cast<int>(Form::kNull) == static_cast<int>(wire::Any::Null));
static_assert(static_cast<int>(Form::kBytes) == static_cast<int>(wire::Any::Bytes));
static_assert(static_cast<int>(Form::kInt8s) == static_cast<int>(wire::Any::Int8s));
static_assert(static_cast<int>(Form::kUInt64s) == static_cast<int>(wire::Any::UInt64s));
static_assert(static_cast<int>(Form::kTexts) == static_cast<int>(wire::Any::Texts));
static_assert(static_cast<int>(Form::kFailure) == static_cast<int>(wire::Any::Failure));
static_assert(wire::Any::MAX == wire::Any::Failure);
static_assert(sizeof(internal::Token) == sizeof(wire::Token));

namespace {

[[noreturn]] void refuse_bytes(std::string_view why) {
  raise(internal::make_status("CodecError", absl::StatusCode::kDataLoss, why));
}

template <class T>
const T* as_table(const void* table) {
  return static_cast<const T*>(table);
}

std::string_view view(const flatbuffers::String* s) {
  return s == nullptr ? std::string_view() : std::string_view(s->c_str(), s->size());
}

internal::Token token(const wire::Token* t) {
  if (t == nullptr) {
    return {};
  }
  return {t->module_high(), t->module_low(), t->offset(), t->check()};
}

}  // namespace

Reader Reader::open(std::span<const std::byte> message, internal::FdSource* fds) {
  uint32_t root = 0;
  if (message.size() >= 12) {
    std::memcpy(&root, message.data(), sizeof root);
  }
  if (root < 8 || root > message.size() - 4 || std::memcmp(message.data() + 4, "MPVA", 4) != 0) {
    refuse_bytes(absl::StrCat("mp: these ", message.size(),
                              " bytes are no message: its header is missing; bytes sent with "
                              "send_bytes() are received with recv_bytes()"));
  }
  return of(message.data() + root, fds);
}

Reader Reader::of(const void* value, internal::FdSource* fds) {
  const wire::Value* v = static_cast<const wire::Value*>(value);
  const void* table = v == nullptr ? nullptr : v->value();
  if (table == nullptr) {
    return Reader(Form::kNothing, nullptr, fds);
  }
  Form form = static_cast<Form>(v->value_type());
  Reader r(form, table, fds);
  switch (form) {
    case Form::kBool:
      r.number_ = as_table<wire::Bool>(table)->value();
      break;
    case Form::kInt:
      r.number_ = static_cast<uint64_t>(as_table<wire::Int>(table)->value());
      break;
    case Form::kUInt:
      r.number_ = as_table<wire::UInt>(table)->value();
      break;
    case Form::kFloat:
      r.number_ = std::bit_cast<uint64_t>(as_table<wire::Float>(table)->value());
      break;
    case Form::kText:
    case Form::kBytes:
    case Form::kBools:
    case Form::kInt8s:
    case Form::kInt16s:
    case Form::kInt32s:
    case Form::kInt64s:
    case Form::kUInt8s:
    case Form::kUInt16s:
    case Form::kUInt32s:
    case Form::kUInt64s:
    case Form::kFloat32s:
    case Form::kFloat64s:
    case Form::kTexts:
    case Form::kList:
    case Form::kTuple:
    case Form::kFields: {
      // All of these tables are one vector, and a vector is its length, then its elements.
      auto* vector = as_table<wire::Bytes>(table)->value();
      r.data_ = vector == nullptr ? nullptr : vector->data();
      r.size_ = vector == nullptr ? 0 : vector->size();
      break;
    }
    case Form::kSet:
    case Form::kDict:
    case Form::kChoice:
    case Form::kDuration:
    case Form::kTime:
    case Form::kTagged:
    case Form::kHandle:
    case Form::kDescriptor:
    case Form::kPointer:
    case Form::kCallable:
    case Form::kFailure:
    case Form::kNull:
      break;
    case Form::kNothing:
    default:
      r.form_ = Form::kNothing;
      break;
  }
  return r;
}

std::string Reader::found() const {
  switch (form_) {
    case Form::kNull:
      return "None";
    case Form::kBool:
      return "bool";
    case Form::kInt:
    case Form::kUInt:
      return "int";
    case Form::kFloat:
      return "float";
    case Form::kText:
      return "str";
    case Form::kBytes:
      return "bytes";
    case Form::kTuple:
      return absl::StrCat("tuple of ", size_);
    case Form::kSet:
      return "set";
    case Form::kDict:
      return "dict";
    case Form::kFields:
      return absl::StrCat("struct of ", size_, size_ == 1 ? " field" : " fields");
    case Form::kChoice:
      return "variant";
    case Form::kDuration:
      return "duration";
    case Form::kTime:
      return "time";
    case Form::kTagged:
      return internal::pretty_name(tag());
    case Form::kHandle:
      return std::string(internal::handle_name(static_cast<internal::Kind>(handle_kind())));
    case Form::kDescriptor:
      return "file descriptor";
    case Form::kPointer:
      return "pointer to a function";
    case Form::kCallable:
      return "function";
    case Form::kFailure:
      return absl::StrCat("exception ", internal::pretty_name(failure(nullptr).type));
    case Form::kNothing:
      return "nothing that this version knows";
    default:
      return absl::StrCat("list of ", size_);
  }
}

void Reader::refuse(std::string_view wanted) const {
  raise(internal::type_error(
      absl::StrCat("mp: expected ", internal::pretty_name(wanted), ", found ", found())));
}

uint64_t Reader::other_integer(uint64_t most, std::string_view wanted) const {
  if (form_ == Form::kBool || (form_ == Form::kUInt && number_ <= most)) {
    return number_;
  }
  if (form_ != Form::kInt && form_ != Form::kUInt) {
    refuse(wanted);
  }
  std::string number =
      form_ == Form::kInt ? absl::StrCat(static_cast<int64_t>(number_)) : absl::StrCat(number_);
  raise(internal::value_error(
      absl::StrCat("mp: the int ", number, " does not fit ", internal::pretty_name(wanted))));
}

double Reader::real(std::string_view wanted) const {
  switch (form_) {
    case Form::kFloat:
      return std::bit_cast<double>(number_);
    case Form::kInt:
      return static_cast<double>(static_cast<int64_t>(number_));
    case Form::kUInt:
    case Form::kBool:
      return static_cast<double>(number_);
    default:
      refuse(wanted);
  }
}

std::span<const std::byte> Reader::bytes(std::string_view wanted) const {
  if (form_ != Form::kBytes && form_ != Form::kUInt8s) {
    refuse(wanted);
  }
  return {static_cast<const std::byte*>(data_), size_};
}

Reader Reader::operator[](size_t i) const {
  auto number = [&]<class T>(T, Form form) {
    Reader r(form, nullptr, fds_);
    T v = static_cast<const T*>(data_)[i];
    if constexpr (std::is_floating_point_v<T>) {
      r.number_ = std::bit_cast<uint64_t>(static_cast<double>(v));
    } else {
      r.number_ = static_cast<uint64_t>(v);
    }
    return r;
  };
  switch (form_) {
    case Form::kBytes:
    case Form::kUInt8s:
      return number(uint8_t{}, Form::kInt);
    case Form::kBools: {
      Reader r = number(uint8_t{}, Form::kBool);
      r.number_ = r.number_ != 0;
      return r;
    }
    case Form::kInt8s:
      return number(int8_t{}, Form::kInt);
    case Form::kInt16s:
      return number(int16_t{}, Form::kInt);
    case Form::kInt32s:
      return number(int32_t{}, Form::kInt);
    case Form::kInt64s:
      return number(int64_t{}, Form::kInt);
    case Form::kUInt16s:
      return number(uint16_t{}, Form::kInt);
    case Form::kUInt32s:
      return number(uint32_t{}, Form::kInt);
    case Form::kUInt64s: {
      Reader r = number(uint64_t{}, Form::kInt);
      if (r.number_ >> 63 != 0) {
        r.form_ = Form::kUInt;
      }
      return r;
    }
    case Form::kFloat32s:
      return number(float{}, Form::kFloat);
    case Form::kFloat64s:
      return number(double{}, Form::kFloat);
    default:
      break;
  }
  const std::byte* at = static_cast<const std::byte*>(data_) + 4 * i;
  at += flatbuffers::ReadScalar<flatbuffers::uoffset_t>(at);
  if (form_ == Form::kTexts) {
    Reader r(Form::kText, at + 4, fds_);
    r.size_ = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(at);
    return r;
  }
  return of(at, fds_);
}

Reader Reader::items(std::string_view wanted) const {
  expect(Form::kSet, wanted);
  Reader items = of(as_table<wire::Set>(data_)->items(), fds_);
  if (!items.is_sequence()) {
    refuse_bytes("mp: a set without items");
  }
  return items;
}

Reader Reader::keys(std::string_view wanted) const {
  expect(Form::kDict, wanted);
  auto* dict = as_table<wire::Dict>(data_);
  Reader keys = of(dict->keys(), fds_);
  Reader values = of(dict->values(), fds_);
  if (!keys.is_sequence() || !values.is_sequence() || keys.size_ != values.size_) {
    refuse_bytes("mp: a dict whose keys and values are not equally many");
  }
  return keys;
}

Reader Reader::values(std::string_view wanted) const {
  expect(Form::kDict, wanted);
  return of(as_table<wire::Dict>(data_)->values(), fds_);
}

uint32_t Reader::variant_index(std::string_view wanted) const {
  expect(Form::kChoice, wanted);
  return as_table<wire::Choice>(data_)->index();
}

Reader Reader::variant_value() const {
  expect(Form::kChoice, "variant");
  return of(as_table<wire::Choice>(data_)->value(), fds_);
}

Reader Reader::tagged(std::string_view type) const {
  if (form_ != Form::kTagged || tag() != type) {
    refuse(type);
  }
  return untagged();
}

std::string_view Reader::tag() const {
  return form_ == Form::kTagged ? view(as_table<wire::Tagged>(data_)->type()) : std::string_view();
}

Reader Reader::untagged() const {
  expect(Form::kTagged, "a tagged value");
  return of(as_table<wire::Tagged>(data_)->value(), fds_);
}

Reader::Span Reader::duration(std::string_view wanted) const {
  expect(Form::kDuration, wanted);
  auto* d = as_table<wire::Duration>(data_);
  return {d->seconds(), d->picoseconds(), 0};
}

Reader::Span Reader::time(std::string_view wanted) const {
  expect(Form::kTime, wanted);
  auto* t = as_table<wire::Time>(data_);
  return {t->seconds(), t->picoseconds(), static_cast<uint8_t>(t->clock())};
}

uint32_t Reader::handle_kind() const noexcept {
  return form_ == Form::kHandle ? as_table<wire::Handle>(data_)->kind() : 0;
}

uint64_t Reader::handle(uint32_t kind, std::string_view wanted) const {
  if (form_ != Form::kHandle || handle_kind() != kind) {
    refuse(wanted);
  }
  return as_table<wire::Handle>(data_)->offset();
}

int Reader::take_fd(std::string_view wanted) const {
  expect(Form::kDescriptor, wanted);
  if (fds_ == nullptr) {
    refuse_bytes(
        "mp: the message names a file descriptor, and this channel carries none; send it through "
        "an "
        "mp::Connection or mp::Queue of the family");
  }
  return fds_->take_fd(as_table<wire::Descriptor>(data_)->index());
}

internal::Token Reader::pointer(int64_t* adjustment, std::string_view wanted) const {
  expect(Form::kPointer, wanted);
  auto* p = as_table<wire::Pointer>(data_);
  *adjustment = p->adjustment();
  return token(p->target());
}

internal::Token Reader::callable(Reader* state, std::string_view wanted) const {
  expect(Form::kCallable, wanted);
  auto* c = as_table<wire::Callable>(data_);
  *state = of(c->state(), fds_);
  return token(c->thunk());
}

internal::FailureText Reader::failure(Reader* state, std::string_view wanted) const {
  expect(Form::kFailure, wanted);
  auto* f = as_table<wire::Failure>(data_);
  if (state != nullptr) {
    *state = of(f->state(), fds_);
  }
  return {view(f->type()), view(f->text()), view(f->backtrace()), f->code(), view(f->category())};
}

}  // namespace mp
