#include "mp/event.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/internal/core/event_object.h"
#include "mp/internal/os/interrupt.h"

namespace mp {

using Object = internal::EventObject<>;

Event::Event() : ref_(internal::Ref::create(internal::Kind::kEvent, sizeof(Object))) {}

bool Event::is_set() const noexcept { return ref_.object<Object>()->is_set(); }

void Event::set() const noexcept { ref_.object<Object>()->set(); }

void Event::clear() const noexcept { ref_.object<Object>()->clear(); }

bool Event::wait(Timeout timeout) const {
  bool set = ref_.object<Object>()->wait(internal::Deadline::after(timeout));
  if (!set) {
    internal::raise_if_interrupted();
  }
  return set;
}

std::string repr(const Event& event) {
  return absl::StrCat("<Event at 0x", absl::Hex(internal::HandleAccess::ref(event).offset()),
                      event.is_set() ? " set>" : " unset>");
}

std::ostream& operator<<(std::ostream& out, const Event& event) { return out << repr(event); }

}  // namespace mp
