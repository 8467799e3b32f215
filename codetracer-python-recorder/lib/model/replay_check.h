/* Checks of the replay itself, for tests and for `verify`. */
#ifndef CT_MODEL_REPLAY_CHECK_H
#define CT_MODEL_REPLAY_CHECK_H

#include "codetracer/replay.h"

/* From now on every key state met in order is compared with the state that was reached; a difference is CT_E_CORRUPT. */
void ct_replay_verify_keys(ct_replay *replay, bool verify);
/* Whether the last failure was such a difference. */
bool ct_replay_key_differed(const ct_replay *replay);
/* Whether two replays stand at the same event in the same state (numbers of last changes aside); `walked` may know objects more, which died just
 * before a key state that `sought` began with. */
bool ct_replay_same(const ct_replay *walked, const ct_replay *sought, const char **difference);

#endif
