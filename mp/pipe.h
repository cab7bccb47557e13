// mp/pipe.h
//
// Pipe: makes two connected Connections. Python: multiprocessing.Pipe.
//
//   auto [parent, child] = mp::Pipe();

#ifndef MP_PIPE_H_
#define MP_PIPE_H_

#include <utility>

#include "mp/connection.h"

namespace mp {

// The two ends. `duplex` false: the first can only receive, the second only send. Throws
// mp::MemoryError.
std::pair<Connection, Connection> Pipe(bool duplex = true);

}  // namespace mp

#endif  // MP_PIPE_H_
