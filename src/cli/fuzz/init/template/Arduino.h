// As much of an Arduino core as drivers of modems use, for a harness: a Stream out of bytes, String, and a virtual clock.
#pragma once
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace shim {
inline unsigned long now = 0; // milliseconds
}

inline unsigned long millis() { return shim::now; }
inline unsigned long micros() { return shim::now * 1000; }
inline void delay(unsigned long ms) { shim::now += ms; }
inline void delayMicroseconds(unsigned us) { shim::now += us / 1000 + 1; }
inline void yield() { shim::now += 1; }

#ifndef F
#define F(text) (text)
#endif
#define PROGMEM

class String {
public:
    String(const char *text = "") : own(text) {}
    String(const std::string &text) : own(text) {}
    explicit String(int number) : own(std::to_string(number)) {}
    size_t length() const { return own.size(); }
    const char *c_str() const { return own.c_str(); }
    char operator[](size_t at) const { return at < own.size() ? own[at] : 0; }
    char charAt(size_t at) const { return (*this)[at]; }
    String &operator+=(char c) { own += c; return *this; }
    String &operator+=(const char *text) { own += text; return *this; }
    String &operator+=(const String &text) { own += text.own; return *this; }
    friend String operator+(String a, const String &b) { a += b; return a; }
    bool operator==(const char *text) const { return own == text; }
    bool operator==(const String &text) const { return own == text.own; }
    bool startsWith(const String &text) const { return own.rfind(text.own, 0) == 0; }
    bool endsWith(const String &text) const
    {
        return own.size() >= text.own.size() && own.compare(own.size() - text.own.size(), text.own.size(), text.own) == 0;
    }
    int indexOf(char c, size_t from = 0) const { return int(own.find(c, from)); }
    int indexOf(const String &text, size_t from = 0) const { return int(own.find(text.own, from)); }
    int lastIndexOf(char c) const { return int(own.rfind(c)); }
    String substring(size_t from, size_t to = std::string::npos) const
    {
        if (from > own.size())
            from = own.size();
        return to == std::string::npos || to < from ? own.substr(from) : own.substr(from, to - from);
    }
    long toInt() const { return atol(own.c_str()); }
    float toFloat() const { return float(atof(own.c_str())); }
    void trim()
    {
        const char *blank = " \t\r\n";
        size_t first = own.find_first_not_of(blank);
        own = first == std::string::npos ? "" : own.substr(first, own.find_last_not_of(blank) - first + 1);
    }
    void replace(const String &what, const String &with)
    {
        for (size_t at = 0; !what.own.empty() && (at = own.find(what.own, at)) != std::string::npos; at += with.own.size())
            own.replace(at, what.own.size(), with.own);
    }
    void remove(size_t from, size_t count = std::string::npos)
    {
        if (from < own.size())
            own.erase(from, count);
    }
    void reserve(size_t) {}

private:
    std::string own;
};

class Print {
public:
    virtual ~Print() = default;
    virtual size_t write(uint8_t) = 0;
    virtual size_t write(const uint8_t *bytes, size_t size)
    {
        for (size_t at = 0; at < size; at++)
            write(bytes[at]);
        return size;
    }
    size_t print(const char *text) { return write(reinterpret_cast<const uint8_t *>(text), strlen(text)); }
    size_t print(const String &text) { return print(text.c_str()); }
    size_t print(char c) { return write(uint8_t(c)); }
    size_t print(int number) { return print(std::to_string(number).c_str()); }
    size_t print(unsigned number) { return print(std::to_string(number).c_str()); }
    size_t print(long number) { return print(std::to_string(number).c_str()); }
    size_t print(unsigned long number) { return print(std::to_string(number).c_str()); }
    size_t println() { return print("\r\n"); }
    template <typename T> size_t println(T what) { return print(what) + println(); }
};

class Stream : public Print {
public:
    virtual int available() = 0;
    virtual int read() = 0;
    virtual int peek() = 0;
    virtual void flush() {}
    void setTimeout(unsigned long ms) { patience = ms; }
    size_t readBytes(char *out, size_t size)
    {
        size_t count = 0;
        for (int c; count < size && (c = timedRead()) >= 0;)
            out[count++] = char(c);
        return count;
    }
    size_t readBytes(uint8_t *out, size_t size) { return readBytes(reinterpret_cast<char *>(out), size); }
    size_t readBytesUntil(char end, char *out, size_t size)
    {
        size_t count = 0;
        for (int c; count < size && (c = timedRead()) >= 0 && c != uint8_t(end);)
            out[count++] = char(c);
        return count;
    }
    String readStringUntil(char end)
    {
        String text;
        for (int c; (c = timedRead()) >= 0 && c != uint8_t(end);)
            text += char(c);
        return text;
    }
    String readString()
    {
        String text;
        for (int c; (c = timedRead()) >= 0;)
            text += char(c);
        return text;
    }
    bool find(const char *what)
    {
        size_t matched = 0, size = strlen(what);
        for (int c; matched < size && (c = timedRead()) >= 0;)
            matched = c == uint8_t(what[matched]) ? matched + 1 : (c == uint8_t(what[0]) ? 1 : 0);
        return matched == size;
    }
    long parseInt()
    {
        int c = timedPeek();
        for (; c >= 0 && c != '-' && (c < '0' || c > '9'); c = timedPeek())
            read();
        bool negative = c == '-';
        if (negative)
            read();
        unsigned long value = 0;
        for (c = timedPeek(); c >= '0' && c <= '9'; c = timedPeek()) {
            value = value * 10 + unsigned(c - '0');
            read();
        }
        return negative ? -long(value) : long(value);
    }

protected:
    int timedRead() { return available() > 0 ? read() : (shim::now += patience, -1); }
    int timedPeek() { return available() > 0 ? peek() : (shim::now += patience, -1); }
    unsigned long patience = 1000;
};

namespace shim {
// What the module sends; what the driver writes goes nowhere.
class Input : public Stream {
public:
    Input(const uint8_t *data, size_t size) : data(data), left(size) {}
    int available() override
    {
        if (left == 0)
            now += 1; // whoever asks in a loop gets to its timeout
        return int(left);
    }
    int read() override
    {
        if (left == 0) {
            now += 1;
            return -1;
        }
        left--;
        return *data++;
    }
    int peek() override { return left > 0 ? *data : -1; }
    using Print::write;
    size_t write(uint8_t) override { return 1; }

private:
    const uint8_t *data;
    size_t left;
};
}
