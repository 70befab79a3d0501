"""Training a policy that fills blocks: start at greedy, keep what validation flights like best."""

from promopilot.agents.placement.flights import PlacementFlights
from promopilot.agents.placement.learners import make_model, network_of
from promopilot.agents.placement.policy import Greedy
from promopilot.agents.placement.rollout import roll_out_blocks
from promopilot.agents.placement.settings import PlacementSettings
from promopilot.agents.placement.trained import PlacementPolicy
from promopilot.agents.rollout import Progress
from promopilot.agents.training.coach import Coach, Course, Keep, Measured, Writer
from promopilot.envs.arrays import Floats, Ints
from promopilot.envs.world import World


def train_placement(
    world: World,
    settings: PlacementSettings,
    seed: int,
    validation_seed: int,
    validation_flights: Ints,
    progress: Progress = lambda what, share: None,
    keep: Keep | None = None,
    writer: Writer | None = None,
) -> tuple[PlacementPolicy, Course]:
    """Train on training flights; return the policy that was best on validation flights.

    The untrained network, which is greedy, competes too. A course of DQN that was kept goes on
    where it was; maskable PPO's lessons seldom end with a flight, the only place to go on from.

    Args:
        world: What is played.
        settings: Which algorithm, and how.
        seed: Of the training flights, of the network and of exploration.
        validation_seed: Seed of the flights that choose among checkpoints.
        validation_flights: Their numbers `[F]`.
        progress: Told the current gain and the share done.
        keep: Where the course is kept, so that it can go on after a kill.
        writer: Told figures by step, if anybody is.

    Returns:
        The policy and the course; its gains are over greedy.
    """
    blocks = settings.blocks_per_day

    def play(policy: PlacementPolicy | Greedy) -> Floats:
        given = (world, validation_seed, validation_flights)
        return roll_out_blocks(policy, *given, blocks_per_day=blocks).value

    env = PlacementFlights(world, seed, settings.num_envs, settings.training_flights, blocks)
    model = make_model(env, settings, seed)
    network, greedy = network_of(model), play(Greedy())
    policy = PlacementPolicy(network, blocks, settings.algorithm)

    def measure() -> Measured:
        size = abs(float(greedy.mean()))
        return Measured(100 * float((play(policy) - greedy).mean()) / size if size else 0.0)

    coach = Coach(network, measure, env, settings, progress, keep, writer, "greedy")
    course = coach.train(model, env.reset)
    return policy, course
