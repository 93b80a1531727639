//! What the store promises as a whole: after crashes on a simulated disk, and on the real one under sled.

mod crash;
mod fail;
mod life;
mod model;
mod real;
