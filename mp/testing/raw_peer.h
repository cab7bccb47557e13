// mp/testing/raw_peer.h
//
// A peer that is no peer of mp: bare sockets to listeners and clients, and whole strings over them.

#ifndef MP_TESTING_RAW_PEER_H_
#define MP_TESTING_RAW_PEER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "mp/address.h"
#include "mp/fd.h"

namespace mp::testing {

// A socket that is connected to a listener, or to one who pretends to be one.
Fd connect_raw(const Address& address);

// One that pretends to be a listener, on a free port of this machine.
Fd listen_raw(Address* address);

// Nothing or the rest of it may be taken: the peer may have hung up.
void send_raw(const Fd& fd, std::string_view bytes);

// Up to the end of the stream, or `size` bytes.
std::string read_raw(const Fd& fd, size_t size);

// "ValueError: what", of the mp::Error that `f` throws.
std::string error_of(const std::function<void()>& f);

}  // namespace mp::testing

#endif  // MP_TESTING_RAW_PEER_H_
