#include "mp/internal/frame/verify.h"

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

// Walks a verified message. The Verifier has bounded its depth and its tables, but neither texts nor vectors, which may
// overlap; what is honest fits into the message's own size.
class Walk {
 public:
  Walk(size_t budget, bool foreign) : budget_(budget), foreign_(foreign) {}

  const char* value(const wire::Value* v) {
    if (v == nullptr) {
      return nullptr;
    }
    if (v->value() == nullptr) {
      return v->value_type() == wire::Any::NONE ? nullptr : "a value without content";
    }
    switch (static_cast<Form>(v->value_type())) {
      case Form::kText:
        return charge(text(v->value_as_Text()->value()));
      case Form::kBytes:
      case Form::kBools:
      case Form::kInt8s:
      case Form::kUInt8s:
        return charge(vector(v, 1));
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
      case Form::kTexts: {
        auto* texts = v->value_as_Texts()->value();
        const char* why = charge(vector(v, 4));
        for (uint32_t i = 0; why == nullptr && texts != nullptr && i < texts->size(); ++i) {
          why = charge(text(texts->Get(i)));
        }
        return why;
      }
      case Form::kList:
      case Form::kTuple:
      case Form::kFields: {
        // The three tables are alike.
        auto* items = static_cast<const wire::List*>(v->value())->items();
        const char* why = charge(vector(v, 4));
        for (uint32_t i = 0; why == nullptr && items != nullptr && i < items->size(); ++i) {
          why = value(items->Get(i));
        }
        return why;
      }
      case Form::kSet:
        return value(v->value_as_Set()->items());
      case Form::kDict: {
        const char* why = value(v->value_as_Dict()->keys());
        return why != nullptr ? why : value(v->value_as_Dict()->values());
      }
      case Form::kChoice:
        return value(v->value_as_Choice()->value());
      case Form::kTagged: {
        const char* why = charge(text(v->value_as_Tagged()->type()));
        return why != nullptr ? why : value(v->value_as_Tagged()->value());
      }
      case Form::kFailure: {
        auto* f = v->value_as_Failure();
        const char* why =
            charge(text(f->type()) + text(f->text()) + text(f->backtrace()) + text(f->category()));
        return why != nullptr ? why : value(f->state());
      }
      case Form::kHandle:
        return foreign_ ? "a handle from outside of the family" : nullptr;
      case Form::kDescriptor:
        return foreign_ ? "a file descriptor from outside of the family" : nullptr;
      case Form::kPointer:
        return foreign_ ? "a pointer to a function from outside of the family" : nullptr;
      case Form::kCallable:
        return foreign_ ? "a function from outside of the family"
                        : value(v->value_as_Callable()->state());
      default:
        return nullptr;
    }
  }

 private:
  static size_t text(const flatbuffers::String* s) { return s == nullptr ? 0 : s->size() + 5; }
  static size_t vector(const wire::Value* v, size_t width) {
    auto* elements = static_cast<const wire::Bytes*>(v->value())->value();
    return elements == nullptr ? 0 : 4 + size_t{elements->size()} * width;
  }
  // The Verifier looks at the place of a vector's length only.
  const char* numbers(const wire::Value* v, size_t width) {
    auto* elements = static_cast<const wire::Bytes*>(v->value())->value();
    if (elements != nullptr && elements->size() != 0 &&
        reinterpret_cast<uintptr_t>(elements->data()) % width != 0) {
      return "its numbers are not aligned";
    }
    return charge(vector(v, width));
  }
  const char* charge(size_t bytes) {
    if (bytes > budget_) {
      return "its parts overlap";
    }
    budget_ -= bytes;
    return nullptr;
  }

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
  // The smallest value is a Value of 12 bytes and a Null of 4; each counts as a table.
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(message.data()), message.size(),
                                 kForeignDepth,
                                 static_cast<flatbuffers::uoffset_t>(message.size() / 8 + 1));
  if (!wire::VerifyValueBuffer(verifier)) {
    return bad("it is cut, too deep or no FlatBuffer of mp");
  }
  const char* why = Walk(message.size(), foreign).value(wire::GetValue(message.data()));
  return why == nullptr ? absl::OkStatus() : bad(why);
}

}  // namespace mp::internal
