"""The calls of hotswap_card.h, and how many words of arguments each has."""

HOST_CALLS = {
    "hotswap_irq": 2,
    "hotswap_drq": 2,
    "hotswap_now": 0,
    "hotswap_timer": 3,  # the time is two words
    "hotswap_post": 2,
    "hotswap_put": 2,
    "hotswap_get": 2,
    "hotswap_room": 0,
    "hotswap_log": 2,
    "hotswap_fail": 1,
    "hotswap_alloc": 1,
    "hotswap_keep": 3,
    "hotswap_map_ram": 2,
    "hotswap_screen": 5,
    "hotswap_memory_get": 3,
    "hotswap_memory_put": 3,
}
