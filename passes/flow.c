/* flow.c - maximum flow by shortest augmenting paths in layers (Dinic). */
#include "passes/flow.h"
#include <string.h>

Flow flow_new(Arena *a, int nnode) {
  Flow f = {.arena = a, .nnode = nnode};
  f.first = NEW_N(a, int, nnode);
  f.level = NEW_N(a, int, nnode);
  f.at = NEW_N(a, int, nnode);
  f.queue = NEW_N(a, int, nnode);
  for (int i = 0; i < nnode; i++) f.first[i] = -1;
  return f;
}

static void add(Flow *f, int from, int to, int64_t room) {
  PUSH(f->arena, f->edge, f->nedge, f->edge_cap) = (FlowEdge){to, room, f->first[from]};
  f->first[from] = f->nedge - 1;
}

void flow_edge(Flow *f, int from, int to, int64_t capacity) {
  add(f, from, to, capacity);
  add(f, to, from, 0);
}

/* Layers by distance from s; false when t is in none. */
static bool layers(Flow *f, int s, int t) {
  int n = 0;
  memset(f->level, -1, sizeof *f->level * (size_t)f->nnode);
  f->level[s] = 0;
  f->queue[n++] = s;
  for (int q = 0; q < n; q++)
    for (int e = f->first[f->queue[q]]; e >= 0; e = f->edge[e].next) {
      int to = f->edge[e].to;
      if (f->edge[e].room == 0 || f->level[to] >= 0) continue;
      f->level[to] = f->level[f->queue[q]] + 1;
      f->queue[n++] = to;
    }
  return f->level[t] >= 0;
}

/* One path from s to t along the layers, kept as a stack of edges; what it carried, 0 when there is none. */
static int64_t push_path(Flow *f, int s, int t, int *path) {
  int n = 0, at = s;
  while (at != t) {
    int e = f->at[at];
    if (e >= 0 && (f->edge[e].room == 0 || f->level[f->edge[e].to] != f->level[at] + 1)) {
      f->at[at] = f->edge[e].next;
      continue;
    }
    if (e >= 0) {
      path[n++] = e;
      at = f->edge[e].to;
      continue;
    }
    if (n == 0) return 0;
    e = path[--n];
    at = f->edge[e ^ 1].to;
    f->at[at] = f->edge[f->at[at]].next;
  }
  int64_t least = FLOW_INFINITE;
  for (int i = 0; i < n; i++)
    if (f->edge[path[i]].room < least) least = f->edge[path[i]].room;
  for (int i = 0; i < n; i++) {
    f->edge[path[i]].room -= least;
    f->edge[path[i] ^ 1].room += least;
  }
  return least;
}

static void fill(Flow *f, int s, int t) {
  int *path = NEW_N(f->arena, int, f->nnode + 1);
  int64_t total = 0;
  while (layers(f, s, t)) {
    memcpy(f->at, f->first, sizeof *f->at * (size_t)f->nnode);
    for (int64_t more; (more = push_path(f, s, t, path)) > 0;)
      if ((total += more) >= FLOW_INFINITE) bug("a network without a finite cut");
  }
}

bool *flow_cut(Flow *f, int s, int t) {
  bool *reaches = NEW_N(f->arena, bool, f->nnode);
  int n = 0;
  fill(f, s, t);
  reaches[t] = true;
  f->queue[n++] = t;
  for (int q = 0; q < n; q++)
    for (int e = f->first[f->queue[q]]; e >= 0; e = f->edge[e].next) {
      int from = f->edge[e].to;
      if (f->edge[e ^ 1].room == 0 || reaches[from]) continue;
      reaches[from] = true;
      f->queue[n++] = from;
    }
  return reaches;
}
