#include "mp/event.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/internal/core/event_object.h"

namespace mp {

using Object = internal::EventObject<>;

Event::Event() : ref_(internal::Ref::create(internal::Kind::kEvent, sizeof(Object))) {}

bool Event::is_set() const noexcept { return ref_.object<Object>()->is_set(); }

void Event::set() const noexcept { ref_.object<Object>()->set(); }

void Event::clear() const noexcept { ref_.object<Object>()->clear(); }

bool Event::wait(Timeout timeout) const {
  return ref_.object<Object>()->wait(internal::Deadline::after(timeout));
}

std::string repr(const Event& event) {
  return absl::StrCat("<Event at 0x", absl::Hex(internal::HandleAccess::ref(event).offset()),
                      event.is_set() ? " set>" : " unset>");
}

std::ostream& operator<<(std::ostream& out, const Event& event) { return out << repr(event); }

}  // namespace mp
