// mp/internal/net/python_handshake.h
//
// CPython's handshake (multiprocessing.connection.deliver_challenge and answer_challenge), as Handshake has them: bytes in, bytes
// out. Each line is a message of python_framing.h, none is over 256 bytes.
//
//   server -> client  "#CHALLENGE#" c          c = "{sha256}" random[40]
//   client -> server  r                        r = "{sha256}" HMAC(authkey, c)
//   server -> client  "#WELCOME#"              or "#FAILURE#", and the end
//   and the same once more with the roles exchanged.
//
// In a challenge the peer may name sha256, sha384, sha3_256 or sha3_384, and md5 if that is allowed; its answer is checked by
// the one that it names. Python before 3.12 names none: it sends random[20], and answers any challenge by HMAC-MD5 alone.
//
// Nothing here says who answers whom: who can make a holder of the key answer one challenge of its choice, or sits between two
// of them, gets in without the key.

#ifndef MP_INTERNAL_NET_PYTHON_HANDSHAKE_H_
#define MP_INTERNAL_NET_PYTHON_HANDSHAKE_H_

#include <memory>

#include "mp/internal/net/handshake.h"
#include "mp/internal/net/secret.h"

namespace mp::internal {

struct PythonTerms {
  Secret authkey;
  // HMAC-MD5 will do, as a name and the way of Python before 3.12.
  bool md5 = false;
};

// The terms must outlive it.
std::unique_ptr<Handshake> make_python_server_handshake(const PythonTerms& terms);
std::unique_ptr<Handshake> make_python_client_handshake(const PythonTerms& terms);

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_PYTHON_HANDSHAKE_H_
