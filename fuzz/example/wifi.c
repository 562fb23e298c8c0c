#include "wifi.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With -DCOUNT_BUGS a mistake is told to the harness, and what it would break is left out, so that one run finds all of
 * them. Without, it breaks things: build with -fsanitize=address. */
#ifdef COUNT_BUGS
void bug(int number);
#define BUG(number, when, otherwise) if (when) { bug(number); otherwise; }
#else
#define BUG(number, when, otherwise)
#endif

/* ---- ring buffer ---- */

size_t wifi_isr(struct wifi *w, const uint8_t *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t next = (w->head + 1) % sizeof w->ring;
        if (next == w->tail)
            break;
        w->ring[w->head] = data[done++];
        w->head = next;
    }
    return done;
}

static int ring_get(struct wifi *w)
{
    int c;
    if (w->tail == w->head)
        return -1;
    c = w->ring[w->tail];
    w->tail = (w->tail + 1) % sizeof w->ring;
    return c;
}

/* ---- links ---- */

#ifdef COUNT_BUGS
static uint8_t gone[1];     /* stands for memory that was freed */
#endif

static void tx_free(struct wifi_link *l)
{
    BUG(1, l->tx == gone, l->tx = NULL)
    free(l->tx);
}

static void link_drop(struct wifi_link *l)
{
    l->open = 0;
    l->waiting = 0;
    tx_free(l);
    /* BUG 1: the link is closed while its data is on the way to the module: `tx` points to what is no more, and
     * SEND OK, which comes all the same, frees it again. */
#ifdef COUNT_BUGS
    l->tx = l->tx ? gone : NULL;
#endif
}

static void link_send(struct wifi *w, int id, const char *text)
{
    struct wifi_link *l = &w->links[id];
    char cmd[40];
    if (w->sending >= 0)
        return;
    l->tx_len = strlen(text);
    l->tx = malloc(l->tx_len);
    memcpy(l->tx, text, l->tx_len);
    l->tx_sent = 0;
    w->sending = id;
    snprintf(cmd, sizeof cmd, "AT+CIPSEND=%d,%u\r\n", id, (unsigned)l->tx_len);
    wifi_write(cmd, NULL, 0);
}

static void on_prompt(struct wifi *w)
{
    struct wifi_link *l;
    if (w->sending < 0)
        return;
    l = &w->links[w->sending];
    if (!l->open)
        return;
    /* BUG 2: the module said that it took more than there was (`Recv 500 bytes` of 40): the rest is huge. */
    BUG(2, l->tx_sent > l->tx_len, return)
    BUG(1, l->tx == gone || l->tx == NULL, return)
    wifi_write(NULL, l->tx + l->tx_sent, l->tx_len - l->tx_sent);
}

static void on_recv(struct wifi *w, char *s)
{
    unsigned n;
    if (w->sending >= 0 && sscanf(s, "Recv %u bytes", &n) == 1)
        w->links[w->sending].tx_sent += n;
}

static void on_send_ok(struct wifi *w, char *s)
{
    struct wifi_link *l;
    (void)s;
    if (w->sending < 0)
        return;
    l = &w->links[w->sending];
    w->sending = -1;
    tx_free(l);
    l->tx = NULL;
}

static void on_send_fail(struct wifi *w, char *s)
{
    struct wifi_link *l;
    (void)s;
    if (w->sending < 0)
        return;
    l = &w->links[w->sending];
    if (l->open && l->tx_sent < l->tx_len) {
        wifi_write("AT+CIPSEND\r\n", NULL, 0);
        return;
    }
    w->sending = -1;
    if (l->open) {
        tx_free(l);
        l->tx = NULL;
    }
}

/* `0,CONNECT`, `0,CLOSED`, `0,CONNECT FAIL` */
static int on_link(struct wifi *w, char *s)
{
    int id = s[0] - '0';
    if (s[0] < '0' || s[0] > '9' || s[1] != ',')
        return 0;
    if (id >= WIFI_LINKS)
        return 0;
    s += 2;
    if (strcmp(s, "CONNECT") == 0) {
        w->links[id].open = 1;
        w->links[id].rx_total = 0;
        if (w->state == WIFI_UP)
            link_send(w, id, "GET / HTTP/1.0\r\nHost: example.org\r\n\r\n");
        return 1;
    }
    if (strcmp(s, "CLOSED") == 0) {
        if (w->links[id].open)
            link_drop(&w->links[id]);
        return 1;
    }
    if (strcmp(s, "CONNECT FAIL") == 0) {
        w->last_error = 10 + id;
        return 1;
    }
    return 0;
}

/* ---- received data ---- */

static void rx_begin(struct wifi *w, int kind, struct wifi_link *l, size_t want)
{
    w->rx_kind = kind;
    w->rx_link = l;
    w->rx_want = want;
    w->rx_got = 0;
}

/* `+IPD,<id>,<len>[,"<ip>",<port>]:` and, in passive mode, `+IPD,<id>,<len>` as a line. */
static void on_ipd(struct wifi *w, char *s, int colon)
{
    int id, len;
    char cmd[40];
    char *p = s + 5;
    id = atoi(p);
    p = strchr(p, ',');
    if (p == NULL)
        return;
    len = atoi(p + 1);
    if (len <= 0 || len > WIFI_RX)
        return;
    /* BUG 3: the link's number is held against the wrong limit, and below 0 not at all. */
    BUG(3, id < 0 || id == WIFI_LINKS, return)
    if (id > WIFI_LINKS)
        return;
    p = strchr(p + 1, ',');
    if (p != NULL) {
        char ip[48];
        int port;
        if (sscanf(p + 1, "\"%47[^\"]\",%d", ip, &port) == 2 || sscanf(p + 1, "%47[^,],%d", ip, &port) == 2) {
            strcpy(w->links[id].remote, ip);
            w->links[id].remote_port = port;
        }
    }
    if (colon) {
        rx_begin(w, 1, &w->links[id], len);
        return;
    }
    w->links[id].waiting = len;
    w->rx_link = &w->links[id];
    snprintf(cmd, sizeof cmd, "AT+CIPRECVDATA=%d,%d\r\n", id, len < WIFI_CHUNK ? len : WIFI_CHUNK);
    wifi_write(cmd, NULL, 0);
}

/* `+CIPRECVDATA:<len>,` or `+CIPRECVDATA,<len>:` */
static void on_recvdata(struct wifi *w, char *s)
{
    int len = atoi(s + 13);
    if (w->rx_link == NULL || w->rx_link->waiting == 0 || len <= 0)
        return;
    /* BUG 4: we asked for 512 bytes at most; who says that no more come? */
    BUG(4, len > WIFI_CHUNK, return)
    rx_begin(w, 2, w->rx_link, len);
}

/* `+MQTTSUBRECV:<link>,"<topic>",<len>,` */
static void on_subrecv(struct wifi *w, char *s)
{
    char *topic, *end;
    int len;
    topic = strchr(s, '"');
    if (topic == NULL)
        return;
    end = strrchr(topic + 1, '"');
    if (end == NULL || end[1] != ',')
        return;
    *end = 0;
    if (strlen(topic + 1) >= sizeof w->topic)
        return;
    strcpy(w->topic, topic + 1);
    len = atoi(end + 2);
    if (!w->mqtt_up)
        return;
    if (len < 0 || len >= (int)sizeof w->message)
        return;
    rx_begin(w, 3, NULL, len);
}

static void rx_done(struct wifi *w)
{
    int kind = w->rx_kind;
    w->rx_kind = 0;
    switch (kind) {
    case 1:
        w->rx_link->rx_total += w->rx_got;
        if (w->rx_got > 12 && memcmp(w->rx, "HTTP/1.", 7) == 0)
            w->result = atoi((char *)w->rx + 9) == 200 ? 1 : -1;
        break;
    case 2:
        w->rx_link->waiting -= (int)w->rx_got;
        if (w->rx_link->waiting < 0)
            w->rx_link->waiting = 0;
        w->rx_link->rx_total += w->rx_got;
        break;
    case 3:
        w->messages++;
        w->message[w->rx_got] = 0;
        /* BUG 5: an empty message has no last byte. */
        BUG(5, w->rx_got == 0, break)
        if (w->message[w->rx_got - 1] == '\n')
            w->message[w->rx_got - 1] = 0;
        if (strcmp(w->topic, "cmd") == 0 && strcmp(w->message, "reset") == 0)
            wifi_write("AT+RST\r\n", NULL, 0);
        break;
    }
}

static void rx_byte(struct wifi *w, uint8_t c)
{
    switch (w->rx_kind) {
    case 1: w->rx[w->rx_got++] = c; break;
    case 2: w->chunk[w->rx_got++] = c; break;
    case 3: w->message[w->rx_got++] = (char)c; break;
    }
    if (w->rx_got >= w->rx_want)
        rx_done(w);
}

/* ---- answers ---- */

/* `+CWLAP:(<ecn>,"<ssid>",<rssi>,"<mac>",<channel>…)` */
static void on_cwlap(struct wifi *w, char *s)
{
    struct wifi_ap *ap;
    char *p, *q;
    s = strchr(s, '(');
    if (s == NULL)
        return;
    /* BUG 6: more networks than the table has room for. */
    BUG(6, w->ap_count >= WIFI_APS, return)
    ap = &w->aps[w->ap_count];
    memset(ap, 0, sizeof *ap);
    ap->ecn = atoi(s + 1);
    p = strchr(s, '"');
    if (p == NULL)
        return;
    q = strchr(p + 1, '"');
    if (q == NULL)
        return;
    *q = 0;
    /* BUG 7: a name of 32 bytes with escapes in it, or of a firmware that lets more pass. */
    BUG(7, strlen(p + 1) > 32, return)
    strcpy(ap->ssid, p + 1);
    if (q[1] == ',')
        sscanf(q + 2, "%d,\"%17[^\"]\",%d", &ap->rssi, ap->mac, &ap->channel);
    if (ap->channel > 0)
        w->ap_count++;
}

static int copy_quoted(char *to, size_t room, const char *from)
{
    const char *end;
    size_t len;
    if (*from == '"') {
        from++;
        end = strchr(from, '"');
    } else {
        end = from + strcspn(from, "\r\n,");
    }
    /* BUG 8: the answer was cut short, and there is no closing quote. */
    BUG(8, end == NULL, return 0)
    len = (size_t)(end - from);
    if (len >= room)
        return 0;
    memcpy(to, from, len);
    to[len] = 0;
    return 1;
}

static void on_cifsr(struct wifi *w, char *s)
{
    s += 7;
    if (strncmp(s, "STAIP,", 6) == 0) {
        char ip[16];
        if (copy_quoted(ip, sizeof ip, s + 6) && strcmp(ip, "0.0.0.0") != 0) {
            strcpy(w->ip, ip);
            if (w->state == WIFI_JOINED)
                w->state = WIFI_UP;
        }
    } else if (strncmp(s, "STAMAC,", 7) == 0) {
        copy_quoted(w->mac, sizeof w->mac, s + 7);
    } else if (strncmp(s, "APIP,", 5) == 0 || strncmp(s, "APMAC,", 6) == 0) {
        w->last_error = 0;
    }
}

static void on_cipsta(struct wifi *w, char *s)
{
    char *p = strchr(s, ':');
    if (p == NULL)
        return;
    if (strncmp(p, ":ip:", 4) == 0)
        copy_quoted(w->ip, sizeof w->ip, p + 4);
    else if (strncmp(p, ":gateway:", 9) == 0)
        copy_quoted(w->gateway, sizeof w->gateway, p + 9);
    else if (strncmp(p, ":netmask:", 9) == 0)
        copy_quoted(w->netmask, sizeof w->netmask, p + 9);
}

/* `+CIPSTATUS:<id>,"TCP","<ip>",<remote>,<local>,<server>` */
static void on_cipstatus(struct wifi *w, char *s)
{
    int id, remote, local, server;
    char proto[8], ip[48];
    if (sscanf(s, "+CIPSTATUS:%d,\"%7[^\"]\",\"%47[^\"]\",%d,%d,%d", &id, proto, ip, &remote, &local, &server) != 6)
        return;
    if (id < 0 || id >= WIFI_LINKS)
        return;
    strcpy(w->links[id].proto, proto);
    strcpy(w->links[id].remote, ip);
    w->links[id].remote_port = remote;
    w->links[id].local_port = local;
}

static void on_status(struct wifi *w, char *s)
{
    switch (atoi(s + 7)) {
    case 2: case 3: case 4:
        if (w->state < WIFI_JOINED)
            w->state = WIFI_JOINED;
        break;
    case 5:
        w->state = WIFI_BOOTED;
        break;
    }
}

static void on_wifi(struct wifi *w, char *s)
{
    if (strstr(s, "GOT IP")) {
        w->state = WIFI_UP;
        wifi_write("AT+CIFSR\r\n", NULL, 0);
    } else if (strstr(s, "DISCONNECT")) {
        w->state = WIFI_BOOTED;
    } else if (strstr(s, "CONNECTED")) {
        w->state = WIFI_JOINED;
    }
}

static void on_cwjap(struct wifi *w, char *s)
{
    char *p = strchr(s, ':') + 1;
    if (*p == '"') {
        char *q = strchr(p + 1, '"');
        if (q == NULL || q - p - 1 > 32)
            return;
        memcpy(w->ssid, p + 1, (size_t)(q - p - 1));
        w->ssid[q - p - 1] = 0;
        p = q;
        for (int field = 0; field < 3 && p; field++)
            p = strchr(p + 1, ',');
        if (p)
            w->rssi = atoi(p + 1);
    } else {
        switch (atoi(p)) {
        case 1: w->last_error = 1; break;
        case 2: w->last_error = 2; break;
        case 3: w->last_error = 3; break;
        case 4: w->last_error = 4; break;
        }
    }
}

static const char *const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* `+CIPSNTPTIME:Thu Aug 04 14:48:05 2016` */
static void on_time(struct wifi *w, char *s)
{
    char month[4];
    const char *at;
    int day, hour, minute, second, year;
    if (sscanf(s, "+CIPSNTPTIME:%*3s %3s %d %d:%d:%d %d", month, &day, &hour, &minute, &second, &year) != 6)
        return;
    at = strstr(MONTHS, month);
    if (at == NULL || strlen(month) != 3)
        return;
    if (hour > 23 || minute > 59 || second > 60)
        return;
    w->month = (int)(at - MONTHS) / 3 + 1;
    w->day = day;
    w->hour = hour;
    w->minute = minute;
    w->second = second;
    w->year = year;
}

static void on_version(struct wifi *w, char *s)
{
    size_t n = strcspn(s + 11, "(");
    if (n >= sizeof w->version)
        n = sizeof w->version - 1;
    memcpy(w->version, s + 11, n);
    w->version[n] = 0;
}

static void on_domain(struct wifi *w, char *s)
{
    copy_quoted(w->ip, sizeof w->ip, strchr(s, ':') + 1);
}

static void on_ping(struct wifi *w, char *s)
{
    if (strcmp(s + 6, "TIMEOUT") == 0)
        w->ping_ms = -1;
    else
        w->ping_ms = atoi(s + 6);
}

static void on_mqtt(struct wifi *w, char *s)
{
    if (strncmp(s, "+MQTTCONNECTED:", 15) == 0)
        w->mqtt_up = 1;
    else if (strncmp(s, "+MQTTDISCONNECTED:", 18) == 0)
        w->mqtt_up = 0;
    else if (strstr(s, "FAIL"))
        w->last_error = 30;
}

static void on_heap(struct wifi *w, char *s)
{
    int heap, least;
    switch (sscanf(s, "+SYSRAM:%d,%d", &heap, &least)) {
    case 2:
        if (least < 4096)
            w->last_error = 40;
        /* fall through */
    case 1:
        w->heap = heap;
    }
}

static void on_err_code(struct wifi *w, char *s)
{
    unsigned long code = strtoul(s + 9, NULL, 16);
    if ((code >> 24) != 1)
        return;
    switch ((code >> 16) & 0xFF) {
    case 7: w->last_error = 50; break;
    case 8: w->last_error = 51; break;
    case 9: w->last_error = 52; break;
    default: w->last_error = 59;
    }
}

static void on_reset(struct wifi *w, char *s)
{
    (void)s;
    for (int i = 0; i < WIFI_LINKS; i++) {
        if (w->links[i].open)
            tx_free(&w->links[i]);
        memset(&w->links[i], 0, sizeof w->links[i]);
    }
    w->rx_link = NULL;
    w->sending = -1;
    w->ap_count = 0;
    w->state = WIFI_BOOTED;
    w->resets++;
}

static void on_ok(struct wifi *w, char *s)
{
    (void)s;
    w->ap_count = 0;
    w->busy = 0;
    w->result = 1;
}

static void on_error(struct wifi *w, char *s)
{
    (void)s;
    w->ap_count = 0;
    w->busy = 0;
    w->result = -1;
}

static void on_busy(struct wifi *w, char *s)
{
    if (s[5] == 'p' || s[5] == 's')
        w->busy++;
}

static const struct {
    const char *start;
    int whole;
    void (*handler)(struct wifi *, char *);
} TABLE[] = {
    { "OK", 1, on_ok },
    { "ERROR", 1, on_error },
    { "FAIL", 1, on_error },
    { "SEND OK", 1, on_send_ok },
    { "SEND FAIL", 1, on_send_fail },
    { "Recv ", 0, on_recv },
    { "busy ", 0, on_busy },
    { "WIFI ", 0, on_wifi },
    { "ready", 1, on_reset },
    { "STATUS:", 0, on_status },
    { "+CWLAP:", 0, on_cwlap },
    { "+CIFSR:", 0, on_cifsr },
    { "+CIPSTA:", 0, on_cipsta },
    { "+CIPSTA_CUR:", 0, on_cipsta },
    { "+CIPSTATUS:", 0, on_cipstatus },
    { "+CWJAP:", 0, on_cwjap },
    { "+CIPSNTPTIME:", 0, on_time },
    { "AT version:", 0, on_version },
    { "+CIPDOMAIN:", 0, on_domain },
    { "+PING:", 0, on_ping },
    { "+MQTT", 0, on_mqtt },
    { "+SYSRAM:", 0, on_heap },
    { "ERR CODE:", 0, on_err_code },
};

static void on_line(struct wifi *w)
{
    char *s = w->line;
    w->line[w->line_len] = 0;
    w->line_len = 0;
    if (*s == 0)
        return;
    if (strncmp(s, "+IPD,", 5) == 0) {
        on_ipd(w, s, 0);
        return;
    }
    if (on_link(w, s))
        return;
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++) {
        size_t len = strlen(TABLE[i].start);
        if (TABLE[i].whole ? strcmp(s, TABLE[i].start) == 0 : strncmp(s, TABLE[i].start, len) == 0) {
            TABLE[i].handler(w, s);
            return;
        }
    }
}

/* Counted data starts in the middle of a line. */
static int starts_data(struct wifi *w)
{
    char *s = w->line;
    size_t n = w->line_len;
    s[n] = 0;
    if (s[n - 1] == ':' && strncmp(s, "+IPD,", 5) == 0)
        on_ipd(w, s, 1);
    else if (n > 14 && strncmp(s, "+CIPRECVDATA", 12) == 0 && (s[n - 1] == ':' || s[n - 1] == ',') && isdigit((unsigned char)s[n - 2]))
        on_recvdata(w, s);
    else if (n > 18 && s[n - 1] == ',' && strncmp(s, "+MQTTSUBRECV:", 13) == 0 && isdigit((unsigned char)s[n - 2]) && strchr(s, '"'))
        on_subrecv(w, s);
    else
        return 0;
    if (w->rx_kind && w->rx_want == 0)
        rx_done(w);
    return w->rx_kind != 0;
}

void wifi_poll(struct wifi *w)
{
    int c;
    while ((c = ring_get(w)) >= 0) {
        if (w->rx_kind) {
            rx_byte(w, (uint8_t)c);
            continue;
        }
        if (c == '\n') {
            while (w->line_len > 0 && w->line[w->line_len - 1] == '\r')
                w->line_len--;
            on_line(w);
            continue;
        }
        if (c == '>' && w->line_len == 0) {
            on_prompt(w);
            continue;
        }
        if (w->line_len == 0 && (c == '\r' || c == ' ' || c == 0))
            continue;
        if (w->line_len >= sizeof w->line - 1) {
            w->line_len = 0;
            continue;
        }
        w->line[w->line_len++] = (char)c;
        if ((c == ':' || c == ',') && starts_data(w))
            w->line_len = 0;
    }
}

void wifi_init(struct wifi *w)
{
    memset(w, 0, sizeof *w);
    w->sending = -1;
}

void wifi_free(struct wifi *w)
{
    for (int i = 0; i < WIFI_LINKS; i++)
        if (w->links[i].open)
            tx_free(&w->links[i]);
}
