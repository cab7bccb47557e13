// mp/dummy/pipe.h
//
// Pipe: makes two connected Connections. Python: multiprocessing.dummy.Pipe.
//
//   auto [parent, child] = mp::dummy::Pipe();

#ifndef MP_DUMMY_PIPE_H_
#define MP_DUMMY_PIPE_H_

#include <utility>

#include "mp/dummy/connection.h"

namespace mp::dummy {

// The two ends. `duplex` false: the first can only receive, the second only send.
std::pair<Connection, Connection> Pipe(bool duplex = true);

}  // namespace mp::dummy

#endif  // MP_DUMMY_PIPE_H_
