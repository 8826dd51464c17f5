// One piece sounds at a time, and a line on its piano roll shows where it is.
const still = matchMedia("(prefers-reduced-motion: reduce)");
for (const piece of document.querySelectorAll(".piece")) {
  const audio = piece.querySelector("audio"), roll = piece.querySelector(".roll");
  const show = () => roll.style.setProperty("--at", audio.currentTime / (audio.duration || 1));
  const follow = () => { show(); if (!audio.paused && !still.matches) requestAnimationFrame(follow); };
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    piece.classList.add("playing");
    follow();
  });
  for (const event of ["timeupdate", "seeked"]) audio.addEventListener(event, show);
}
