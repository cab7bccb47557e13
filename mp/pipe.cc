#include "mp/pipe.h"

namespace mp {

std::pair<Connection, Connection> Pipe(bool duplex) {
  internal::ConnectionCore first;
  internal::ConnectionCore second;
  internal::ConnectionCore::make(duplex, &first, &second);
  return {internal::ConnectionMaker::make(std::move(first)),
          internal::ConnectionMaker::make(std::move(second))};
}

}  // namespace mp
