#include "mp/internal/frame/verify.h"

#include <initializer_list>
#include <string>
#include <string_view>

#include "mp/errors.h"
#include "mp/internal/frame/form.h"
#include "mp/wire/value_generated.h"

namespace mp::internal {
namespace {

absl::Status bad(std::string_view why) {
  return make_status("CodecError", absl::StatusCode::kDataLoss,
                     "mp: bad message: " + std::string(why));
}

constexpr const char* kNotWhole = "it is cut, too deep or no FlatBuffer of mp";

// Verifies a message while it walks it. Everything is paid for with a budget of the message's own size before it is looked at:
// what is honest fits, and whatever else the bytes are, the work is bounded. (FlatBuffers' own walk counts tables only: it would
// look at all texts of one vector as often as tables name it, for hours.)
class Walk {
 public:
  Walk(std::span<const std::byte> message, bool foreign)
      // The smallest value is a Value of 12 bytes and a Null of 4; each counts as a table.
      : verifier_(reinterpret_cast<const uint8_t*>(message.data()), message.size(), kForeignDepth,
                  static_cast<flatbuffers::uoffset_t>(message.size() / 8 + 1)),
        budget_(message.size()),
        foreign_(foreign) {}

  const char* root(std::span<const std::byte> message) {
    const void* at = message.data();
    return wire::ValueBufferHasIdentifier(at) && verifier_.VerifyOffset(0) != 0
               ? value(wire::GetValue(at))
               : kNotWhole;
  }

 private:
  using Table = flatbuffers::Table;
  using Strings = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;

  static constexpr size_t kLeastValue = 16;

  const char* value(const wire::Value* v) {
    if (v == nullptr) {
      return nullptr;
    }
    if (const char* why = charge(kLeastValue)) {
      return why;
    }
    if (!begin(v) || !table(v).VerifyField<uint8_t>(verifier_, wire::Value::VT_VALUE_TYPE, 1) ||
        !offset(v, wire::Value::VT_VALUE)) {
      return kNotWhole;
    }
    const char* why = content(v);
    verifier_.EndTable();
    return why;
  }

  const char* content(const wire::Value* v) {
    if (v->value() == nullptr) {
      return v->value_type() == wire::Any::NONE ? nullptr : "a value without content";
    }
    switch (static_cast<Form>(v->value_type())) {
      case Form::kText:
        return simple(v, [&] { return charge(text(v->value_as_Text()->value())); });
      case Form::kBytes:
      case Form::kBools:
      case Form::kInt8s:
      case Form::kUInt8s:
        return numbers(v, 1);
      case Form::kInt16s:
      case Form::kUInt16s:
        return numbers(v, 2);
      case Form::kInt32s:
      case Form::kUInt32s:
      case Form::kFloat32s:
        return numbers(v, 4);
      case Form::kInt64s:
      case Form::kUInt64s:
      case Form::kFloat64s:
        return numbers(v, 8);
      case Form::kTexts:
        return nested(v->value_as_Texts(), {wire::Texts::VT_VALUE},
                      [this](const wire::Texts* t) { return texts(t->value()); });
      case Form::kList:
      case Form::kTuple:
      case Form::kFields:
        // The three tables are alike.
        return nested(static_cast<const wire::List*>(v->value()), {wire::List::VT_ITEMS},
                      [this](const wire::List* t) { return items(t->items()); });
      case Form::kSet:
        return nested(v->value_as_Set(), {wire::Set::VT_ITEMS},
                      [this](const wire::Set* t) { return value(t->items()); });
      case Form::kDict:
        return nested(v->value_as_Dict(), {wire::Dict::VT_KEYS, wire::Dict::VT_VALUES},
                      [this](const wire::Dict* t) {
                        const char* why = value(t->keys());
                        return why != nullptr ? why : value(t->values());
                      });
      case Form::kChoice: {
        auto* choice = v->value_as_Choice();
        return nested(choice, {wire::Choice::VT_VALUE}, [this](const wire::Choice* t) {
          return table(t).VerifyField<uint32_t>(verifier_, wire::Choice::VT_INDEX, 4)
                     ? value(t->value())
                     : kNotWhole;
        });
      }
      case Form::kTagged:
        return nested(v->value_as_Tagged(), {wire::Tagged::VT_TYPE, wire::Tagged::VT_VALUE},
                      [this](const wire::Tagged* t) {
                        const char* why = text_whole(t->type());
                        return why != nullptr ? why : value(t->value());
                      });
      case Form::kFailure:
        return nested(v->value_as_Failure(),
                      {wire::Failure::VT_TYPE, wire::Failure::VT_TEXT, wire::Failure::VT_BACKTRACE,
                       wire::Failure::VT_CATEGORY, wire::Failure::VT_STATE},
                      [this](const wire::Failure* t) { return failure(t); });
      case Form::kHandle:
        return foreign_ ? "a handle from outside of the family" : simple(v);
      case Form::kDescriptor:
        return foreign_ ? "a file descriptor from outside of the family" : simple(v);
      case Form::kPointer:
        return foreign_ ? "a pointer to a function from outside of the family" : simple(v);
      case Form::kCallable:
        return foreign_ ? "a function from outside of the family"
                        : nested(v->value_as_Callable(), {wire::Callable::VT_STATE},
                                 [this](const wire::Callable* t) { return callable(t); });
      default:
        return simple(v);
    }
  }

  // A table that names no other table and no vector of texts; then `more` is to be right.
  template <class More>
  const char* simple(const wire::Value* v, const More& more) {
    return wire::VerifyAny(verifier_, v->value(), v->value_type()) ? more() : kNotWhole;
  }
  const char* simple(const wire::Value* v) {
    return simple(v, [] { return nullptr; });
  }
  // Any other. The places that `offsets` lead to are inside.
  template <class T, class Parts>
  const char* nested(const T* t, std::initializer_list<flatbuffers::voffset_t> offsets,
                     const Parts& parts) {
    bool whole = begin(t);
    for (flatbuffers::voffset_t o : offsets) {
      whole = whole && offset(t, o);
    }
    const char* why = whole ? parts(t) : kNotWhole;
    verifier_.EndTable();
    return why;
  }

  const char* numbers(const wire::Value* v, size_t width) {
    return simple(v, [&]() -> const char* {
      auto* elements = static_cast<const wire::Bytes*>(v->value())->value();
      // The Verifier looks at the place of a vector's length only.
      if (elements != nullptr && elements->size() != 0 &&
          reinterpret_cast<uintptr_t>(elements->data()) % width != 0) {
        return "its numbers are not aligned";
      }
      return elements == nullptr ? nullptr : charge(4 + size_t{elements->size()} * width);
    });
  }
  const char* texts(const Strings* all) {
    const char* why = vector(all);
    for (uint32_t i = 0; why == nullptr && all != nullptr && i < all->size(); ++i) {
      why = text_whole(all->Get(i));
    }
    return why;
  }
  const char* items(const flatbuffers::Vector<flatbuffers::Offset<wire::Value>>* all) {
    const char* why = vector(all);
    for (uint32_t i = 0; why == nullptr && all != nullptr && i < all->size(); ++i) {
      why = value(all->Get(i));
    }
    return why;
  }
  const char* failure(const wire::Failure* t) {
    if (!table(t).VerifyField<int64_t>(verifier_, wire::Failure::VT_CODE, 8)) {
      return kNotWhole;
    }
    for (auto* part : {t->type(), t->text(), t->backtrace(), t->category()}) {
      if (const char* why = text_whole(part)) {
        return why;
      }
    }
    return value(t->state());
  }
  const char* callable(const wire::Callable* t) {
    return table(t).VerifyField<wire::Token>(verifier_, wire::Callable::VT_THUNK, 8)
               ? value(t->state())
               : kNotWhole;
  }

  // Of offsets, 4 bytes each.
  template <class T>
  const char* vector(const flatbuffers::Vector<T>* all) {
    if (!verifier_.VerifyVector(all)) {
      return kNotWhole;
    }
    return all == nullptr ? nullptr : charge(4 + size_t{all->size()} * 4);
  }
  const char* text_whole(const flatbuffers::String* s) {
    return verifier_.VerifyString(s) ? charge(text(s)) : kNotWhole;
  }
  static size_t text(const flatbuffers::String* s) { return s == nullptr ? 0 : s->size() + 5; }

  static const Table& table(const void* t) { return *static_cast<const Table*>(t); }
  bool begin(const void* t) { return table(t).VerifyTableStart(verifier_); }
  bool offset(const void* t, flatbuffers::voffset_t field) {
    return table(t).VerifyOffset(verifier_, field);
  }

  const char* charge(size_t bytes) {
    if (bytes > budget_) {
      return "its parts overlap";
    }
    budget_ -= bytes;
    return nullptr;
  }

  flatbuffers::Verifier verifier_;
  size_t budget_;
  bool foreign_;
};

}  // namespace

absl::Status verify(std::span<const std::byte> message, bool foreign) {
  // The Verifier only asserts its limits.
  if (message.size() < 12 || message.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    return bad("its size is impossible");
  }
  if (reinterpret_cast<uintptr_t>(message.data()) % 16 != 0) {
    return bad("it is not aligned");
  }
  const char* why = Walk(message, foreign).root(message);
  return why == nullptr ? absl::OkStatus() : bad(why);
}

}  // namespace mp::internal
