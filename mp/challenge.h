// mp/challenge.h
//
// deliver_challenge, answer_challenge: two programs convince each other, over a Connection that they have
// already, that they share a key. Python: multiprocessing.connection.deliver_challenge and
// answer_challenge.
//
//   mp::deliver_challenge(conn, key);   // one side, while the other does mp::answer_challenge(conn, key)
//   mp::answer_challenge(conn, key);    // then the other way round
//
// A Listener and a Client with an authkey do more than this, by themselves: there the messages that
// follow are protected, too. Here only the moment is: who stands between the two can pass the
// challenges on, and then speak.
//
// Safety     Any thread; nobody else should use the Connection meanwhile.
// Ordering   The Connection's.
// Blocking   Until the other side has answered.
// Cost       Two messages one way and one the other.
// Death      As in recv(): mp::EOFError.
// Python     The same three messages with other contents: mp does not talk to multiprocessing here. A
//            process does not answer a challenge of its own, so that nobody can have it answered by
//            who made it.

#ifndef MP_CHALLENGE_H_
#define MP_CHALLENGE_H_

#include <string_view>

#include "mp/connection.h"

namespace mp {

struct ChallengeOptions {
  // Take a key of less than 16 bytes.
  bool allow_weak_key = false;
};

// Throws mp::AuthenticationError "digest received was wrong" when the other side does not know the key.
void deliver_challenge(const Connection& connection, std::string_view authkey,
                       ChallengeOptions options = {});

// Throws mp::AuthenticationError "digest sent was rejected" when the other side does not know the key, and
// when the challenge is none, or this process's own.
void answer_challenge(const Connection& connection, std::string_view authkey,
                      ChallengeOptions options = {});

}  // namespace mp

#endif  // MP_CHALLENGE_H_
