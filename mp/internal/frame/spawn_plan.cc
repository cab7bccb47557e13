#include "mp/internal/frame/spawn_plan.h"

#include "mp/errors.h"
#include "mp/wire/process_generated.h"

namespace mp::internal {
namespace {

std::string text(const flatbuffers::String* s) { return s == nullptr ? std::string() : s->str(); }

}  // namespace

std::vector<std::byte> encode_spawn_plan(const SpawnPlan& plan) {
  flatbuffers::FlatBufferBuilder builder(plan.call.size() + 512);
  std::vector<flatbuffers::Offset<wire::Extra>> extras;
  for (const auto& [key, value] : plan.extras) {
    auto k = builder.CreateString(key);
    extras.push_back(wire::CreateExtra(builder, k, builder.CreateString(value)));
  }
  flatbuffers::Offset<flatbuffers::Vector<uint8_t>> call;
  if (!plan.call.empty()) {
    builder.ForceVectorAlignment(plan.call.size(), 1, 16);
    call =
        builder.CreateVector(reinterpret_cast<const uint8_t*>(plan.call.data()), plan.call.size());
  }
  auto name = builder.CreateString(plan.name);
  auto authkey = builder.CreateVector(reinterpret_cast<const uint8_t*>(plan.authkey.data()),
                                      plan.authkey.size());
  auto extra_vector = builder.CreateVector(extras);
  auto type = builder.CreateString(plan.type);
  auto identity = builder.CreateString(plan.identity);
  auto parent_name = builder.CreateString(plan.parent_name);
  wire::FinishSpawnPlanBuffer(
      builder,
      wire::CreateSpawnPlan(builder, name, plan.daemon, authkey,
                            static_cast<wire::StartMethod>(plan.start_method), call, extra_vector,
                            type, identity, parent_name, plan.parent_pid, plan.parent_owner));
  const std::byte* bytes = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return std::vector<std::byte>(bytes, bytes + builder.GetSize());
}

absl::StatusOr<SpawnPlan> decode_spawn_plan(std::span<const std::byte> bytes) {
  auto bad = [](const char* why) {
    return make_status("CodecError", absl::StatusCode::kDataLoss, why);
  };
  if (bytes.size() < 12 || bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE ||
      reinterpret_cast<uintptr_t>(bytes.data()) % 16 != 0) {
    return bad("mp: bad start plan: its size or place is impossible");
  }
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), 4,
                                 static_cast<flatbuffers::uoffset_t>(bytes.size() / 8 + 1));
  if (!wire::VerifySpawnPlanBuffer(verifier)) {
    return bad("mp: bad start plan: it is cut, or none");
  }
  const wire::SpawnPlan* p = wire::GetSpawnPlan(bytes.data());
  SpawnPlan plan;
  plan.name = text(p->name());
  plan.daemon = p->daemon();
  if (p->authkey() != nullptr) {
    plan.authkey.assign(reinterpret_cast<const char*>(p->authkey()->data()), p->authkey()->size());
  }
  plan.start_method = static_cast<uint8_t>(p->start_method());
  plan.type = text(p->type());
  plan.identity = text(p->identity());
  plan.parent_name = text(p->parent_name());
  plan.parent_pid = p->parent_pid();
  plan.parent_owner = p->parent_owner();
  if (p->extras() != nullptr) {
    for (const wire::Extra* extra : *p->extras()) {
      plan.extras[text(extra->key())] = text(extra->value());
    }
  }
  if (p->call() != nullptr) {
    plan.call = {reinterpret_cast<const std::byte*>(p->call()->data()), p->call()->size()};
    if (reinterpret_cast<uintptr_t>(plan.call.data()) % 16 != 0) {
      return bad("mp: bad start plan: its call is not aligned");
    }
  }
  return plan;
}

}  // namespace mp::internal
