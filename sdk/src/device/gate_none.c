#include "device/gate.h"
baton_status baton__gate_create_after_event(void *e, baton__gate **g) {(void)e;(void)g;return BATON_ERR_NOT_BUILT_IN;}
baton_status baton__gate_create_after_stream(void *e, baton__gate **g) {(void)e;(void)g;return BATON_ERR_NOT_BUILT_IN;}
baton__gate *baton__gate_acquire(baton__gate *g){return g;}
void baton__gate_release(baton__gate *g){(void)g;}
baton_status baton__gate_look(baton__gate *g,int *n){(void)g;(void)n;return BATON_OK;}
bool baton__gate_watch_begin(baton__gate *g, baton__gate_watch *w){(void)g;(void)w;return false;}
void baton__gate_watch_end(baton__gate *g, baton__gate_watch *w){(void)g;(void)w;}
