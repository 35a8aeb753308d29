//! Markers: points in a program's life that a tracer can see, and that cost one `nop` where none looks.

/// Says that `mechanism` now begins its `moment` (`"cgroup"`, `"attach"`).
///
/// It is a static probe as SystemTap defined them: a `nop`, and a note in the ELF file that says where it is and in
/// which registers its arguments are. `cargo lab trace` puts a breakpoint on the `nop`; `gdb` (`info probes`) and
/// `bpftrace` (`usdt:…:drydock:moment`) know it too. Untraced, nothing is tested, called or written.
#[inline(always)]
pub fn marker(mechanism: &str, moment: &str) {
    probe::probe!(
        drydock,
        moment,
        mechanism.as_ptr(),
        mechanism.len(),
        moment.as_ptr(),
        moment.len()
    );
}
