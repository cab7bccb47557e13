#include "mp/dummy/pipe.h"

namespace mp::dummy {

std::pair<Connection, Connection> Pipe(bool duplex) {
  auto [first, second] = internal::ThreadPipe::make(duplex);
  return {Connection(std::move(first)), Connection(std::move(second))};
}

}  // namespace mp::dummy
