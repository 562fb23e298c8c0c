// A library that is given a Stream. One mistake is planted: a mode is an index that nobody looks at.
#include "Arduino.h"

class Driver {
public:
    explicit Driver(Stream &stream) : stream(stream), seen(new int[4]()) {}
    ~Driver() { delete[] seen; }
    void begin() { stream.println(F("AT+CWMODE?")); }
    void loop()
    {
        if (stream.find("+CWMODE:")) {
            long mode = stream.parseInt();
            if (mode >= 0 && mode < 1000)
                seen[mode]++;
        }
    }

private:
    Stream &stream;
    int *seen;
};
