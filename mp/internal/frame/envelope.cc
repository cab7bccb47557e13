#include "mp/internal/frame/envelope.h"

#include "mp/errors.h"
#include "mp/wire/envelope_generated.h"

namespace mp::internal {

static_assert(static_cast<int>(Content::kClose) == static_cast<int>(wire::Content::MAX));

std::vector<std::byte> encode_envelope(const Envelope& envelope) {
  flatbuffers::FlatBufferBuilder builder(envelope.payload.size() + 128);
  flatbuffers::Offset<flatbuffers::Vector<uint8_t>> payload;
  if (!envelope.payload.empty()) {
    builder.ForceVectorAlignment(envelope.payload.size(), 1, 16);
    payload = builder.CreateVector(reinterpret_cast<const uint8_t*>(envelope.payload.data()),
                                   envelope.payload.size());
  }
  wire::FinishEnvelopeBuffer(
      builder,
      wire::CreateEnvelope(builder, static_cast<wire::Content>(envelope.content), envelope.request,
                           payload, envelope.raw_size, envelope.descriptors));
  const std::byte* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return std::vector<std::byte>(bytes, bytes + builder.GetSize());
}

absl::StatusOr<Envelope> decode_envelope(std::span<const std::byte> bytes) {
  auto bad = [](const char* why) {
    return make_status("CodecError", absl::StatusCode::kDataLoss, why);
  };
  // The Verifier only asserts its limits.
  if (bytes.size() < 12 || bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE ||
      reinterpret_cast<uintptr_t>(bytes.data()) % 16 != 0) {
    return bad("mp: bad frame: its size or place is impossible");
  }
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), 2,
                                 2);
  if (!wire::VerifyEnvelopeBuffer(verifier)) {
    return bad("mp: bad frame: it is cut, or no envelope");
  }
  const wire::Envelope* e = wire::GetEnvelope(bytes.data());
  Envelope envelope;
  envelope.content = static_cast<Content>(e->content());
  if (envelope.content == Content::kUnknown || envelope.content > Content::kClose) {
    return bad("mp: bad frame: it holds something of a later version");
  }
  envelope.request = e->request();
  if (e->payload() != nullptr) {
    envelope.payload = {reinterpret_cast<const std::byte*>(e->payload()->data()),
                        e->payload()->size()};
    if (reinterpret_cast<uintptr_t>(envelope.payload.data()) % 16 != 0) {
      return bad("mp: bad frame: its payload is not aligned");
    }
  }
  envelope.raw_size = e->raw_size();
  envelope.descriptors = e->descriptors();
  return envelope;
}

}  // namespace mp::internal
