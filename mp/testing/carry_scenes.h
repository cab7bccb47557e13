// mp/testing/carry_scenes.h
//
// Messages that carry a handle, and what becomes of its object when somebody dies. An `Api` has
//
//   static const char* put_name();  get_name();
//   void create();  void drop();
//   Ring<>* ring();
//   void put(const Lock&);
//   bool get(Lock* out);     // polls; throws when the handle leads nowhere

#ifndef MP_TESTING_CARRY_SCENES_H_
#define MP_TESTING_CARRY_SCENES_H_

#include <sched.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mp/internal/core/handle.h"
#include "mp/internal/core/receive.h"
#include "mp/lock.h"
#include "mp/object.h"
#include "mp/testing/queue_scenes.h"

namespace mp::testing {

class PublicCarrier {
 public:
  static const char* put_name() { return "Queue.put"; }
  static const char* get_name() { return "Queue.get"; }
  void create() {
    queue_.emplace();
    ring_ = ring_at(objects_of(*queue_)[0]);
  }
  void drop() { queue_.reset(); }
  internal::Ring<>* ring() { return ring_; }
  void put(const Lock& lock) { queue_->put(lock); }
  bool get(std::optional<Lock>* out) {
    absl::StatusOr<Lock> lock = queue_->try_get();
    if (absl::IsUnavailable(lock.status())) {
      return false;
    }
    internal::raise_if_error(lock.status());
    out->emplace(*lock);
    return true;
  }

 private:
  std::optional<Queue<Lock>> queue_;
  internal::Ring<>* ring_ = nullptr;
};

// The handle inside of a list.
class ObjectCarrier {
 public:
  static const char* put_name() { return "Queue.put (Object)"; }
  static const char* get_name() { return "Queue.get (Object)"; }
  void create() {
    queue_.emplace();
    ring_ = ring_at(objects_of(*queue_)[0]);
  }
  void drop() { queue_.reset(); }
  internal::Ring<>* ring() { return ring_; }
  void put(const Lock& lock) { queue_->put({lock, "its name"}); }
  bool get(std::optional<Lock>* out) {
    absl::StatusOr<Object> list = queue_->try_get();
    if (absl::IsUnavailable(list.status())) {
      return false;
    }
    internal::raise_if_error(list.status());
    out->emplace((*list)[0].as<Lock>());
    return true;
  }

 private:
  std::optional<Queue<>> queue_;
  internal::Ring<>* ring_ = nullptr;
};

template <class A>
class CoreCarrier {
 public:
  static const char* put_name() { return "Queue.put (core)"; }
  static const char* get_name() { return "Queue.get (core)"; }
  void create() {
    ref_ = internal::Ref::create(internal::Kind::kQueue, sizeof(internal::Ring<>));
    internal::Channel<> channel(internal::Family::get(), ref_.offset());
    ring()->start(channel.store);
  }
  void drop() { ref_ = internal::Ref(); }
  internal::Ring<>* ring() { return ref_.object<internal::Ring<>>(); }
  void put(const Lock& lock) {
    internal::Channel<A> channel(internal::Family::get(), ref_.offset());
    internal::ChannelWriter<A> writer(channel);
    internal::raise_if_error(writer.open(internal::Deadline::never()));
    uint64_t object = internal::HandleAccess::ref(lock).offset();
    writer.add(0, std::span(&object, 1));
    writer.publish();
  }
  bool get(std::optional<Lock>* out) {
    internal::Channel<A> channel(internal::Family::get(), ref_.offset());
    internal::Received received;
    uint64_t object = 0;
    {
      internal::ChannelReader<A> reader(channel);
      if (!reader.open(internal::Deadline::past()).ok()) {
        return false;
      }
      object = reader.handles()[0];
      internal::receive(reader, received);
    }
    out->emplace(
        internal::HandleAccess::make<Lock>(internal::Ref::adopt(internal::Kind::kLock, object)));
    return true;
  }

 private:
  internal::Ref ref_;
};

template <class Api>
class CarryScene : public FamilyScene {
 public:
  using FamilyScene::FamilyScene;

  // Whoever joins a dead process sweeps what it held.
  void recover() override { family().sweep_all(); }
  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(api_.ring(), 1)),
            std::as_bytes(std::span(&family().header().family_lock, 1))};
  }

 protected:
  enum Found : uint32_t { kNothing, kSound, kDangling };

  void create() override { api_.create(); }
  void drop() override { api_.drop(); }

  // Takes the message, if there is one, and uses the lock.
  Found take_and_use() {
    try {
      std::optional<Lock> lock;
      if (!api_.get(&lock)) {
        return kNothing;
      }
      if (!lock->acquire(0)) {
        return kDangling;
      }
      lock->release();
      return kSound;
    } catch (const Error&) {
      return kDangling;
    }
  }

  Api api_;
};

// The victim is the only one who holds what it sends.
template <class Api>
class CarryPut : public CarryScene<Api> {
 public:
  CarryPut() : CarryScene<Api>(Api::put_name(), "the last handle to a Lock") {}
  void prepare() override {
    CarryScene<Api>::prepare();
    lock_.emplace();
  }
  void operate() override { this->api_.put(*lock_); }
  Verdict check() override {
    this->family().sweep_all();
    auto found = this->take_and_use();
    return found == this->kDangling ? lost("the object died with its sender, on its way")
                                    : took_effect(found == this->kSound);
  }

 private:
  std::optional<Lock> lock_;
};

// The sender lets go of what it has sent while, or after, the victim receives it.
template <class Api>
class CarryGet : public CarryScene<Api> {
 public:
  CarryGet() : CarryScene<Api>(Api::get_name(), "a Lock that its sender drops") {}
  void operate() override { this->stage().numbers[0] = this->take_and_use(); }
  void intrude() override { let_go(); }
  void on_death(const Death& death) override {
    if (!death.recoverer) {
      let_go();
      this->await([this] { return sender_->ended(); });
      died_ = true;
    }
  }
  Verdict check() override {
    if (!died_) {
      return fine();
    }
    this->family().sweep_all();
    auto found = this->take_and_use();
    return found == this->kDangling ? lost("the object is gone, and its message is not")
                                    : took_effect(found == this->kNothing);
  }

 protected:
  void create() override {
    CarryScene<Api>::create();
    died_ = false;
    drop_.renew();
    sender_ = &this->cast("sender", [this] {
      std::optional<Lock> lock(std::in_place);
      this->api_.put(*lock);
      drop_.wait();
      lock.reset();
    });
    while (this->api_.ring()->published() == 0) {
      sched_yield();
    }
  }
  Verdict inspect() override {
    return this->stage().numbers[0] == this->kDangling
               ? torn("the object was freed while its receiver used it")
               : fine();
  }

 private:
  // It may have to wait for the one who stands still.
  void let_go() {
    drop_.give();
    sender_->await_asleep();
  }

  Order drop_;
  Helper* sender_ = nullptr;
  bool died_ = false;
};

}  // namespace mp::testing

#endif  // MP_TESTING_CARRY_SCENES_H_
