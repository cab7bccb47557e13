// mp/testing/pool_scenes.h
//
// What can happen to a task of a pool when its worker dies, or while its owner takes it back, as scenes for the killer. The
// victim is the worker, at one task; the harness and the checker do what the owner does.

#ifndef MP_TESTING_POOL_SCENES_H_
#define MP_TESTING_POOL_SCENES_H_

#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mp/internal/core/channel.h"
#include "mp/internal/frame/message.h"
#include "mp/internal/pool/desk.h"
#include "mp/internal/pool/pool_bug.h"
#include "mp/internal/pool/post.h"
#include "mp/internal/pool/task_thunk.h"
#include "mp/internal/pool/worker.h"
#include "mp/testing/family_scene.h"
#include "mp/value.h"

namespace mp::testing {

enum class PoolTask {
  kPlain,
  kCarrying,   // a handle
  kTakenBack,  // and taken back before the worker looks at it
};

class PoolServe final : public FamilyScene {
 public:
  explicit PoolServe(PoolTask task, internal::PoolBug bug = internal::PoolBug::kNone)
      : FamilyScene("Pool: a task", task == PoolTask::kPlain      ? "plain"
                                    : task == PoolTask::kCarrying ? "with a handle"
                                                                  : "taken back, with a handle"),
        task_(task),
        bug_(bug) {}

  void create() override {
    runs_ = &stage().numbers[kRuns];
    board_ = internal::Ref::create(internal::Kind::kArray, sizeof(internal::Board));
    desk_.emplace(internal::Desk::make(board_, 0));
    internal::Encoder& encoder = Encoder::local();
    const Value<int> seven(7);  // until it is in a message
    if (task_ == PoolTask::kPlain) {
      internal::encode_task(encoder, &square, 7);
    } else {
      internal::encode_task(encoder, &square_of, seven);
    }
    word().queue(kTicket);
    require(internal::post(desk_->tasks, {kTicket, 0, internal::kTask},
                           {encoder.message(), encoder.handles(), encoder.fds()})
                .ok(),
            "no memory for the task");
    encoder.clear();
    if (task_ == PoolTask::kTakenBack) {
      require(word().take_back(kTicket), "nobody has begun it");
      stage().numbers[kBack] = 1;
    }
  }
  void drop() override {
    desk_.reset();
    board_ = {};
  }
  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(&desk_->book(), 1)),
            std::as_bytes(std::span(&desk_->shared(), 1))};
  }

  void prepare() override {
    FamilyScene::prepare();
    internal::g_pool_bug = bug_;
    worker_ = std::make_unique<internal::Worker>(*desk_);
  }
  void operate() override { worker_->serve_next(); }

  // The owner looks for results where it is told that there are some, and takes back what is not begun.
  void intrude() override {
    stage().numbers[kIntruded] = 1;
    if (desk_->shared().ready[0].exchange(0) != 0) {
      read();
    }
    if (stage().numbers[kBack] == 0 && stage().numbers[kResults] == 0 &&
        word().take_back(kTicket)) {
      stage().numbers[kBack] = 1;
    }
  }
  void on_death(const Death& death) override { stage().numbers[kReturned] = death.returned; }

  Verdict check() override {
    const bool told = desk_->shared().ready[0].load() != 0;
    const uint32_t before = stage().numbers[kResults];
    read();
    const uint32_t results = stage().numbers[kResults];
    const uint32_t runs = stage().numbers[kRuns];
    if (stage().numbers[kWrongResults] != 0) {
      return torn("a result that is none");
    }
    if (results > before && !told &&
        (stage().numbers[kIntruded] != 0 || stage().numbers[kReturned] != 0)) {
      return wrong("a result, and nobody was told");
    }
    if (results > 1 || runs > 1) {
      return duplicated("a task was run, or answered, twice");
    }
    if (stage().numbers[kBack] != 0) {
      return runs != 0 || results != 0 ? wrong("a task that was taken back was run") : fine();
    }
    if (stage().numbers[kIntruded] != 0) {
      return results == 1 && runs == 1 ? fine() : lost("a task without a result");
    }
    // What the owner makes of a death.
    if (results != 0) {
      return runs == 1 ? took_effect(true) : wrong("the result of a task that was not run");
    }
    if (!word().is_running(kTicket) && runs != 0) {
      return wrong("a task was run that seems not begun: it will be run again");
    }
    return took_effect(false);
  }

 private:
  enum Number { kRuns, kResults, kWrongResults, kBack, kIntruded, kReturned };
  static constexpr uint64_t kTicket = 5;

  static int square(int x) {
    runs_->fetch_add(1);
    return x * x;
  }
  static int square_of(Value<int> v) { return square(v.value()); }

  internal::LedgerWord<>& word() { return desk_->book().tasks[0]; }
  // All results that there are.
  void read() {
    internal::Channel<> channel(family(), desk_->results.ref().offset());
    for (;;) {
      internal::ChannelReader<> reader(channel);
      if (!reader.open(internal::Deadline::past()).ok()) {
        return;
      }
      internal::PostHeader header;
      std::memcpy(&header, reader.message().data(), sizeof header);
      const bool right =
          header.ticket == kTicket && header.what == internal::kResult &&
          internal::decode_message<int>(reader.message().subspan(sizeof header)) == 49;
      stage().numbers[right ? kResults : kWrongResults].fetch_add(1);
      reader.commit();
    }
  }

  const PoolTask task_;
  const internal::PoolBug bug_;
  internal::Ref board_;
  std::optional<internal::Desk> desk_;
  std::unique_ptr<internal::Worker> worker_;
  inline static std::atomic<uint32_t>* runs_ = nullptr;
};

}  // namespace mp::testing

#endif  // MP_TESTING_POOL_SCENES_H_
