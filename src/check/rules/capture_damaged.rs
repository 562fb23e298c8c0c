//! # capture-damaged
//! **Reports** that the file is cut off or corrupt, where, and what was kept.
//! **Matters because** what follows the damage is not in the report.
//! **Silent when** the recording just ends, in mid-exchange or mid-payload.
//! **Example** a pcapng file whose last block is incomplete
//! **Way out** copy the file again, or record again; all that could be read was decoded.

// The finding is made where the file is read: see `Analyzer::damage`.
