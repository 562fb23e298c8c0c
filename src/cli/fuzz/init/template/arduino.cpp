// A driver that is given an Arduino `Stream`: a modem library of a sketch.
//
// `Arduino.h` beside this file is all the core that most of them need; the clock is virtual: `delay()` and a read that finds nothing move it
// on, so that timeouts of seconds take no time. Put your own calls in at the places marked HERE.
#include "Arduino.h"

#include "driver.h" // HERE: your library's header

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    shim::now = 0;
    shim::Input input(data, size);
    Driver modem(input); // HERE: your library's object, with the stream in place of Serial1
    modem.begin();       // HERE: what a sketch does with it; each call waits for an answer and gets the input's next bytes
    while (input.available() > 0 && shim::now < 600000) {
        int before = input.available();
        modem.loop();
        if (input.available() == before)
            input.read(); // what nobody wants is passed over
    }
    return 0;
}
