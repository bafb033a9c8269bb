"""Exponential, sigmoid and hyperbolic tangent that the compiler can do 8 or 16 at a time.

e^x = 2^n e^r with n the nearest integer to x / ln 2: e^r is a polynomial, 2^n is put together
from its bits. Accurate to 1 or 2 units in the last place.
"""

import numpy as np
from numba import njit

from axon.ops.error_function import SHORT

F = np.float32
CLOSE = {"contract", "nsz"}  # fused multiply-add; nothing is put in another order
LOG2E, LN2_HIGH, LN2_LOW = F(1.44269504), F(0.693145752), F(1.42860677e-6)
TOP, BOTTOM = F(88.72283), F(-87.33654)
ROUND = F(12582912.0)  # 1.5 * 2^23: added and subtracted again, it rounds to an integer
ONE, TWO, HALF = F(1), F(2), F(0.5)
C2, C3, C4, C5, C6, C7 = F(1 / 2), F(1 / 6), F(1 / 24), F(1 / 120), F(1 / 720), F(1 / 5040)
BIAS = np.int32(127)
T3, T5, T7, T9 = F(-1 / 3), F(2 / 15), F(-17 / 315), F(62 / 2835)
SMALL = F(0.25)


@njit(forceinline=True, fastmath=CLOSE)
def exp(x: float) -> float:
    """e^x; 0 below -87.3, where float32 has no normal numbers left."""
    y = x if x < TOP else TOP
    y = y if y > BOTTOM else BOTTOM
    n = np.floor(y * LOG2E + HALF)
    r = (y - n * LN2_HIGH) - n * LN2_LOW
    p = ONE + r * (ONE + r * (C2 + r * (C3 + r * (C4 + r * (C5 + r * (C6 + r * C7))))))
    half = np.int32(n) >> np.int32(1)  # 2^n in two factors: 2^128 alone is too large
    a = np.int32((half + BIAS) << np.int32(23)).view(np.float32)
    b = np.int32((np.int32(n) - half + BIAS) << np.int32(23)).view(np.float32)
    e = p * a * b
    e = e if x <= TOP else F(np.inf)
    e = e if x >= BOTTOM else F(0)
    return e if x == x else x


@njit(forceinline=True, fastmath=CLOSE)
def sigmoid_of(x: float) -> float:
    """1 / (1 + e^-x), where x is not below the smallest normal number's."""
    y = x if not x < BOTTOM else BOTTOM
    return ONE / (ONE + exp(-y))


@njit(forceinline=True, fastmath=CLOSE)
def tanh_of(x: float) -> float:
    """1 - 2 / (e^2x + 1); a polynomial where that would cancel."""
    far = ONE - TWO / (exp(TWO * x) + ONE)
    q = x * x
    near = x + x * q * (T3 + q * (T5 + q * (T7 + q * T9)))
    return near if q < SMALL * SMALL else far


# ------------------------------------------------------------------------------------ logarithms

TINY, ROOT_HALF, MANTISSA = F(1.17549435e-38), np.int32(0x3F3504F3), np.int32(0x7FFFFF)
L3, L5, L7, L9, L11 = F(2 / 3), F(2 / 5), F(2 / 7), F(2 / 9), F(2 / 11)
LARGE, LARGE_BITS, INF, NAN = F(2**24), np.int32(24), F(np.inf), F(np.nan)


@njit(forceinline=True, fastmath=CLOSE)
def log(x: float) -> float:
    """The natural logarithm: x = 2^n m with m about 1, and log m = 2 artanh (m - 1) / (m + 1)."""
    small = x < TINY
    y = x * LARGE if small else x
    bits = np.int32(np.float32(y).view(np.int32) - ROOT_HALF)
    n = np.int32(bits >> np.int32(23))
    m = np.int32((bits & MANTISSA) + ROOT_HALF).view(np.float32)
    e = F(n) - (F(24) if small else F(0))
    s = (m - ONE) / (m + ONE)
    z = s * s
    r = z * (L3 + z * (L5 + z * (L7 + z * (L9 + z * L11))))
    y = e * LN2_HIGH + (TWO * s + (s * r + e * LN2_LOW))
    y = y if x > F(0) else (-INF if x == F(0) else NAN)
    return y if x < INF else x


@njit(forceinline=True, fastmath=CLOSE)
def log1p(x: float) -> float:
    """log(1 + x): the logarithm of u, which is 1 + x rounded, and what was lost, over u."""
    u = ONE + x
    lost = x - (u - ONE)
    y = log(u) + lost / u
    return y if x < INF and u > F(0) else log(u)


@njit(forceinline=True, fastmath=CLOSE)
def expm1(x: float) -> float:
    """e^x - 1; a polynomial where that would cancel."""
    near = x + x * x * (C2 + x * (C3 + x * (C4 + x * (C5 + x * (C6 + x * C7)))))
    return near if abs(x) < SMALL else exp(x) - ONE


# ------------------------------------------------------------------------------------ waves

D = np.float64
TURNS = D(2 / np.pi)  # quarters of a turn in a radian
RIGHT, RIGHT_MIDDLE, RIGHT_LOW = (  # pi / 2 in three parts, so that n times each is exact
    D(float.fromhex("0x1.921fbp0")),
    D(float.fromhex("0x1.5110bp-22")),
    D(float.fromhex("0x1.18469898cc517p-44")),
)
FAR, FOUR, D_HALF, D_ONE = F(1e9), D(4), D(0.5), D(1)
S3, S5, S7, S9 = D(-1 / 6), D(1 / 120), D(-1 / 5040), D(1 / 362880)
K2, K4, K6, K8, K10 = D(-1 / 2), D(1 / 24), D(-1 / 720), D(1 / 40320), D(-1 / 3628800)


@njit(forceinline=True)
def _wave(x: float, later: float) -> float:
    """The sine of x and ``later`` quarters of a turn, where n, below, is a whole number exactly."""
    y = D(x)
    n = np.floor(y * TURNS + D_HALF)
    r = ((y - n * RIGHT) - n * RIGHT_MIDDLE) - n * RIGHT_LOW
    q = r * r
    up = r + r * q * (S3 + q * (S5 + q * (S7 + q * S9)))
    across = D_ONE + q * (K2 + q * (K4 + q * (K6 + q * (K8 + q * K10))))
    n = n + later
    place = n - FOUR * np.floor(n / FOUR)  # 0 to 3
    odd = place == D_ONE or place == D_ONE + D_ONE + D_ONE
    z = across if odd else up
    return F(-z if place > D_ONE + D_HALF else z)


@njit(forceinline=True)
def sin(x: float) -> float:
    """The sine; of what is beyond a thousand million, and not finite, by the C library."""
    return _wave(x, D(0)) if abs(x) < FAR else F(np.sin(D(x)))


@njit(forceinline=True)
def cos(x: float) -> float:
    """The cosine, likewise."""
    return _wave(x, D_ONE) if abs(x) < FAR else F(np.cos(D(x)))


# ------------------------------------------------------------------------------------ bell curve

Q0, Q1, Q2, Q3, Q4, Q5, Q6, Q7, Q8, Q9 = (F(q) for q in SHORT)
SEVEN, SHIFT, END = F(7), F(3.5), F(28)
ROOT2, OVER_ROOT2, OVER_ROOT_2PI = F(2**0.5), F(0.5**0.5), F((2 * np.pi) ** -0.5)


@njit(forceinline=True, fastmath=CLOSE)
def erfc(a: float) -> float:
    """1 - erf(a) for 0 <= a <= 28 (see axon/ops/error_function.py)."""
    r = SEVEN / (a + SHIFT)
    t = ONE - r
    q = Q6 + t * (Q7 + t * (Q8 + t * Q9))
    q = Q0 + t * (Q1 + t * (Q2 + t * (Q3 + t * (Q4 + t * (Q5 + t * q)))))
    return q * r * exp(-(a * a))


@njit(forceinline=True, fastmath=CLOSE)
def erf(x: float) -> float:
    """2 / sqrt(pi) times the integral of e^-t^2 from 0 to x."""
    a = abs(x)
    y = ONE - erfc(END if a > END else a)
    return y if x >= F(0) else -y


# ------------------------------------------------------------------------------------ circle

TWO_PI, QUARTER = F(2 * np.pi), F(0.25)
D2, D4, D6, D8, D10, D12 = (
    F(d) for d in (-1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800, 1 / 479001600)
)


@njit(forceinline=True, fastmath=CLOSE)
def cos_of_turns(v: float) -> float:
    """cos(2 pi v) for v from 0 to 1."""
    t = abs(v - HALF)  # cos(2 pi v) = -cos(2 pi t)
    far = t > QUARTER
    x = TWO_PI * (HALF - t if far else t)
    z = x * x
    c = ONE + z * (D2 + z * (D4 + z * (D6 + z * (D8 + z * (D10 + z * D12)))))
    return c if far else -c
