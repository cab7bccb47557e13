// mp/pipe.h
//
// Pipe: makes two connected Connections. Python: multiprocessing.Pipe.
//
//   auto [parent, child] = mp::Pipe();
//
// What the ends are and do is said in connection.h.
//
// Safety     Any thread.
// Blocking   Never.
// Cost       17 KiB of shared memory for each direction, and no descriptor.
// Death      Killed in it: nothing is left, since nobody else has a handle yet.
// Python     The same; `duplex` false gives (receiver, sender) as there.

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
