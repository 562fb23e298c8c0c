/* A driver for Wi-Fi modules with ESP-AT firmware, of the kind that ships in products: a ring buffer that the UART's
 * interrupt fills, lines, a table of URCs, sscanf and strtok. It stands here to be fuzzed. Eight mistakes are planted in it
 * (BUG 1 to BUG 8 in wifi.c); each is one that was seen in drivers of this kind. */
#ifndef WIFI_H
#define WIFI_H

#include <stddef.h>
#include <stdint.h>

#define WIFI_LINKS 5
#define WIFI_APS 10
#define WIFI_LINE 256
#define WIFI_RX 1460
#define WIFI_CHUNK 512

enum wifi_state { WIFI_DOWN, WIFI_BOOTED, WIFI_JOINED, WIFI_UP };

struct wifi_link {
    int open, remote_port, local_port;
    char proto[8], remote[48];
    uint8_t *tx;            /* what is being sent; NULL: nothing */
    size_t tx_len, tx_sent;
    uint32_t rx_total;
    int waiting;            /* bytes that the module holds for us (passive receive) */
};

struct wifi_ap {
    int ecn, rssi, channel;
    char ssid[33], mac[18];
};

struct wifi {
    enum wifi_state state;
    /* ring buffer */
    uint8_t ring[4096];
    size_t head, tail;
    /* line */
    char line[WIFI_LINE];
    size_t line_len;
    /* counted data */
    struct wifi_link *rx_link;
    size_t rx_want, rx_got;
    uint8_t rx[WIFI_RX];
    uint8_t chunk[WIFI_CHUNK];
    int rx_kind;            /* 0 none, 1 +IPD, 2 +CIPRECVDATA, 3 MQTT */
    /* tables */
    struct wifi_link links[WIFI_LINKS];
    int sending;            /* link whose data the module takes; -1: none */
    struct wifi_ap aps[WIFI_APS];
    int ap_count;
    char ip[16], gateway[16], netmask[16], mac[18], version[32], ssid[33];
    /* MQTT */
    char topic[64];
    char message[256];
    int mqtt_up, messages;
    /* time and the like */
    int year, month, day, hour, minute, second, ping_ms, heap, last_error, resets, rssi;
    int busy, result;       /* result: 1 OK, -1 ERROR, 0 not yet */
};

void wifi_init(struct wifi *w);
void wifi_free(struct wifi *w);
/* The UART's interrupt. Gives how many bytes there was room for. */
size_t wifi_isr(struct wifi *w, const uint8_t *data, size_t len);
/* The main loop. */
void wifi_poll(struct wifi *w);

/* What the driver sends; the application has it. */
void wifi_write(const char *text, const void *data, size_t len);

#endif
