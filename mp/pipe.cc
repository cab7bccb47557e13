#include "mp/pipe.h"

namespace mp {

namespace internal {
struct ConnectionMaker {
  static Connection make(ConnectionCore core) { return Connection(std::move(core)); }
};
}  // namespace internal

std::pair<Connection, Connection> Pipe(bool duplex) {
  internal::ConnectionCore first;
  internal::ConnectionCore second;
  internal::ConnectionCore::make(duplex, &first, &second);
  return {internal::ConnectionMaker::make(std::move(first)),
          internal::ConnectionMaker::make(std::move(second))};
}

}  // namespace mp
