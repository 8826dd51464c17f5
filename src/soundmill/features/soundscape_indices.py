"""Acoustic indices of soundscapes, from each window's sums over the shared magnitudes.

- ACI: sum over the bins of |change from frame to frame| over the sum of the magnitudes; the whole
  window is one temporal step (seewave's default). N. Pieretti, A. Farina, D. Morri, A new
  methodology to infer the singing activity of an avian community, Ecological Indicators 11, 2011.
- ADI and AEI: Shannon entropy and Gini coefficient of the shares of cells above -50 dB in ten
  bands of 1 kHz (fewer where half the sample rate is lower). 0 dB is the largest magnitude of the
  recording, also for its segments. L. Villanueva-Rivera et al., A primer of acoustic analysis for
  landscape ecologists, Landscape Ecology 26, 2011.
- BI: area between 2 and 8 kHz under the mean power spectrum in dB, above its minimum there; no
  bin counts as more than 80 dB below the loudest. N. Boelman et al., Multi-trophic invasion
  resistance in Hawaii, Ecological Applications 17, 2007. In dB kHz, where the R package
  soundecology multiplies by bins per kHz instead.
- NDSI: (b - a) / (b + a) with the power b of 2 to 8 kHz and a of 1 to 2 kHz (soundecology's
  limits). E. Kasten et al., The remote environmental assessment laboratory's acoustic library,
  Ecological Informatics 12, 2012.
- H = Ht Hf, the entropies of envelope and mean magnitude spectrum over their largest possible
  values. J. Sueur et al., Rapid acoustic survey for biodiversity appraisal, PLoS ONE 3(12), 2008.
  The envelope is the RMS of each frame (the paper's is the Hilbert envelope of each sample), which
  gives the same figure for changes slower than a frame, and a higher one for faster ones.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from soundmill.features.descriptor_options import DescriptorOptions
from soundmill.features.statistics import Windows, window_matrix, window_sums
from soundmill.features.transforms import Floats, frequencies

BANDS = 10
BAND_HZ = 1000
THRESHOLD_DB = -50.0
ANTHROPHONY = (1000, 2000)
BIOPHONY = (2000, 8000)
DEEPEST_DB = 80.0

Values = npt.NDArray[np.float64]


class SoundscapeIndices:
    """Sums over the frames of each window, given chunk by chunk.

    Parameters
    ----------
    largest : the largest magnitude of the recording.
    """

    def __init__(self, windows: Windows, largest: float, options: DescriptorOptions) -> None:
        self._windows = windows
        self._hertz = frequencies(options.sample_rate, options.n_fft)
        self._threshold = largest * 10 ** (THRESHOLD_DB / 20)
        bands = min(BANDS, int(options.sample_rate / 2 // BAND_HZ))
        band = (self._hertz // BAND_HZ).long()
        self._bands = (band[:, None] == torch.arange(bands)).float()
        self._sums = torch.zeros(3, len(windows), len(self._hertz), dtype=torch.float64)
        self._cells = torch.zeros(len(windows), bands, dtype=torch.float64)

    def add(self, magnitudes: Tensor, before: Tensor | None, start: int) -> None:
        """Take magnitudes (frames, bins) from frame ``start`` on, and the one before them."""
        stop = start + len(magnitudes)
        inside = window_matrix(self._windows, start, stop)
        self._sums[0] += inside @ magnitudes
        self._sums[1] += inside @ magnitudes.square()
        # a window's changes are those between two frames of its own
        changes = window_matrix(self._windows, start, stop, skip=1)
        if before is None:
            self._sums[2] += changes[:, 1:] @ magnitudes.diff(dim=0).abs_()
        else:
            self._sums[2] += changes @ torch.cat([before, magnitudes]).diff(dim=0).abs_()
        self._cells += inside @ ((magnitudes > self._threshold).float() @ self._bands)

    def indices(self, rms: Floats) -> dict[str, Values]:
        """Return each index of each window; ``rms`` is the envelope, (frames,)."""
        magnitude, power, change = self._sums.numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            aci = np.where(magnitude > 0, change / magnitude, 0.0).sum(-1)
            bio, anthro = (self._band_power(power, band) for band in (BIOPHONY, ANTHROPHONY))
            ndsi = (bio - anthro) / (bio + anthro)
            cells = self._cells.numpy() / self._bands.sum(0).numpy()
            ht, hf = self._temporal_entropy(rms), evenness(magnitude)
            found = {
                "aci": aci,
                "adi": evenness(cells) * np.log(cells.shape[-1]),
                "aei": gini(cells),
                "bi": self._bioacoustic(power),
                "ndsi": ndsi,
                "h": ht * hf,
                "ht": ht,
                "hf": hf,
            }
        return {name: np.where(np.isfinite(value), value, np.nan) for name, value in found.items()}

    def _inside(self, band: tuple[int, int]) -> npt.NDArray[np.bool_]:
        return ((self._hertz >= band[0]) & (self._hertz < band[1])).numpy()

    def _band_power(self, power: Values, band: tuple[int, int]) -> Values:
        return np.asarray(power[:, self._inside(band)].sum(-1))

    def _bioacoustic(self, power: Values) -> Values:
        level = 10 * np.log10(power / power.max(-1, keepdims=True))
        level = np.maximum(level, -DEEPEST_DB)[:, self._inside(BIOPHONY)]
        width = float(self._hertz[1]) / 1000
        return np.asarray((level - level.min(-1, keepdims=True)).sum(-1) * width)

    def _temporal_entropy(self, rms: Floats) -> Values:
        """Return the entropy of the envelope in each window over its largest possible value."""
        total = window_sums(rms, self._windows)
        logs = window_sums(
            np.where(rms > 0, rms * np.log(np.maximum(rms, 1e-30)), 0), self._windows
        )
        frames = np.array(self._windows.last) - np.array(self._windows.first)
        return np.asarray((np.log(total) - logs / total) / np.log(frames))


def evenness(values: Values) -> Values:
    """Return the entropy of shares along the last axis over its largest possible value."""
    share = values / values.sum(-1, keepdims=True)
    terms = np.where(share > 0, share * np.log(np.where(share > 0, share, 1.0)), 0.0 * share)
    return np.asarray(-terms.sum(-1) / np.log(values.shape[-1]))


def gini(values: Values) -> Values:
    """Return the Gini coefficient along the last axis: 0 where all are equal."""
    ordered = np.sort(values, axis=-1)
    n = values.shape[-1]
    weight = 2 * np.arange(1, n + 1) - n - 1
    return np.asarray((ordered * weight).sum(-1) / (n * values.sum(-1)))
