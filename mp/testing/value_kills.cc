#include "mp/testing/contended.h"
#include "mp/testing/kill_suite.h"
#include "mp/testing/value_scenes.h"

namespace mp::testing {
namespace {

template <class Op>
void add_operation(Suite& suite) {
  suite.add<ValueFree<Op>>({Mode::kKill, Mode::kRecovery});
  suite.add<Contended<ValueFree<Op>>>(Mode::kPause);
  suite.add<ValueWithSleepers<Op>>({Mode::kKill, Mode::kRecovery});
  suite.add<ValueWoken<Op>>({Mode::kKill, Mode::kRecovery});
}

}  // namespace

void add_values(Suite& suite) {
  add_operation<UpdateTwins>(suite);
  add_operation<SetWord<>>(suite);
  add_operation<AddToElement>(suite);
  add_operation<SetSlice>(suite);
  suite.add<ValueComesAndGoes>(Mode::kKill);

  suite.plant("a word written in two halves", {plan<ValueFree<SetWord<true>>>(Mode::kKill)});
  suite.plant("a read that uses the news of a death up",
              {plan<ValueFree<UpdateTwinsReadBySwallower>>(Mode::kRecovery)});
}

}  // namespace mp::testing
