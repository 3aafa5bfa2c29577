#include "swarm/swarm.h"

#include "io/net.h"

void swarm_fail(struct swarm *sw, enum err e) {
  int none = 0;
  if (atomic_compare_exchange_strong(&sw->disk_error, &none, (int)e)) net_bell_ring(sw->bell);
}
