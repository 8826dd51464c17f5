"""What options of a training by several processes must fulfil."""


def check_shares(batch: int, devices: int, nodes: int, accelerator: str) -> None:
    """Raise ValueError unless the processes of all nodes can share a batch evenly."""
    processes = devices * nodes
    if batch % processes:
        raise ValueError(
            f"batch {batch} must be a multiple of {processes}: {devices} devices on each of "
            f"{nodes} nodes share it"
        )
    if processes > 1 and accelerator == "mps":
        raise ValueError("mps is one device; devices and nodes must be 1")
