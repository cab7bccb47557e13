// mp/python/maker.h
//
// For who makes connections of mp::python: Listener, Client.

#ifndef MP_PYTHON_MAKER_H_
#define MP_PYTHON_MAKER_H_

#include <memory>
#include <utility>

#include "mp/connection.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/connection_core.h"
#include "mp/internal/core/socket_end.h"
#include "mp/python/connection.h"

namespace mp::python {

struct ConnectionMaker {
  static Connection make(internal::UniqueFd fd, uint64_t max_frame) {
    return Connection(internal::ConnectionMaker::make(
        internal::ConnectionCore(std::make_shared<internal::SocketEnd>(
            std::move(fd), internal::SocketEnd::Terms{.framing = internal::Framing::Id::kPython,
                                                      .max_frame = max_frame}))));
  }
};

}  // namespace mp::python

#endif  // MP_PYTHON_MAKER_H_
